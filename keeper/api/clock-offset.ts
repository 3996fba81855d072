/** Measures the offset of this machine's clock from the Date header of a chain endpoint. */

export type Offset = {
  /** Positive: the local clock is ahead. */
  readonly offset_ms: number;
  /** Half the width of the measured interval. */
  readonly uncertainty_ms: number;
};

const maxAsks = 24;
const pause_ms = 60;

type Answer = { readonly second_ms: number; readonly sent_ms: number; readonly received_ms: number };

/**
 * The header has whole seconds, so requests are repeated until its second changes: the change is between two answers. Undefined if
 * the server sends no date.
 */
export async function clockOffset(
  ask: () => Promise<string | undefined>,
  clock: { now_ms(): number; sleep(ms: number): Promise<void> },
): Promise<Offset | undefined> {
  let before: Answer | undefined;
  for (let asks = 0; asks < maxAsks; asks++) {
    const sent_ms = clock.now_ms();
    const text = await ask();
    const received_ms = clock.now_ms();
    const second_ms = text === undefined ? Number.NaN : Date.parse(text);
    if (Number.isNaN(second_ms)) return undefined;
    if (before !== undefined && second_ms > before.second_ms) {
      // The new second began after the earlier request was sent and before the later answer arrived.
      const earliest = before.sent_ms;
      const offset_ms = (earliest + received_ms) / 2 - second_ms;
      return { offset_ms: Math.round(offset_ms), uncertainty_ms: Math.ceil((received_ms - earliest) / 2) };
    }
    before = { second_ms, sent_ms, received_ms };
    await clock.sleep(pause_ms);
  }
  return undefined;
}

/** The Date header of an RPC endpoint. @throws if it does not answer */
export async function serverDate(url: string, timeout_ms: number): Promise<string | undefined> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(timeout_ms);
  const response = await fetch(url, { method: "POST", headers, body, signal });
  await response.arrayBuffer();
  return response.headers.get("date") ?? undefined;
}
