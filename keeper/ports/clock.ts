/** Local time. It paces retries and timeouts and never decides about money (R1). */
export type ClockPort = {
  now_ms(): number;
  /** Resolves after `delay_ms`, or at once when `signal` aborts. */
  sleep(delay_ms: number, signal?: AbortSignal): Promise<void>;
  /** 32 random bytes as hex. */
  entropy(): `0x${string}`;
};
