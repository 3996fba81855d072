/** Reads answers of servers that nobody needs to trust: within a time, and at most so many bytes. */

const timeout_ms = 60_000;

/** @param base of a relative URL @throws Error with the reason, for people */
export async function fetchBounded(
  url: string,
  base: string,
  mostBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(new URL(url, base), {
    signal: AbortSignal.timeout(timeout_ms),
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`HTTP ${response.status}`);
  }
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done || value === undefined) break;
    bytes += value.length;
    if (bytes > mostBytes) {
      await reader?.cancel();
      throw new Error(`expected at most ${mostBytes} bytes, actual more`);
    }
    parts.push(value);
  }
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
