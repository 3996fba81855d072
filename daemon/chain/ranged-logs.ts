/** Events of a range of blocks, from endpoints with any limit of the range. */
import type { Hex } from "../../protocol/hash.ts";
import type { Ask } from "./calls.ts";
import { blockTag, RpcUnavailable } from "./rpc.ts";
import type { RawLog } from "./settled-event.ts";

export type LoggedIn = RawLog & {
  readonly transactionHash: Hex;
  readonly blockHash: Hex;
  readonly blockNumber: string;
  readonly logIndex: string;
};

type Filter = {
  readonly address: Hex | readonly Hex[];
  readonly topics: readonly (string | readonly string[])[];
};

/** If an endpoint refuses a range, both halves are requested. @param range both ends are included */
export async function rangedLogs(
  ask: Ask,
  filter: Filter,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<LoggedIn[]> {
  if (from > to) return [];
  try {
    const asked = { ...filter, fromBlock: blockTag(from), toBlock: blockTag(to) };
    return (await ask("eth_getLogs", [asked])) as LoggedIn[];
  } catch (error) {
    const { cause } = error as Error;
    if (error instanceof RpcUnavailable || cause instanceof RpcUnavailable || from === to) throw error;
    const middle = Math.floor((from + to) / 2);
    return [
      ...(await rangedLogs(ask, filter, { from, to: middle })),
      ...(await rangedLogs(ask, filter, { from: middle + 1, to })),
    ];
  }
}
