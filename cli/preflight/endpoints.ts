/** Checks the RPC endpoints, the chain behind them, and the clock against their time. */
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonRpcProvider } from "ethers";
import { connectRpc } from "../../client/connect.ts";
import { clockOffset, serverDate } from "../../keeper/api/clock-offset.ts";
import { fail, ok, warn, type CheckItem } from "../console/check-item.ts";
import { exitCodes } from "../console/exit.ts";

export type ChainSettings = { readonly chain: { readonly id: number; readonly rpc: readonly string[] } };

const clockWarn_ms = 200;
const clockFail_ms = 60_000;
const dateTimeout_ms = 3_000;

/** Connects to each endpoint; `provider` is the first one of the configured chain. */
export async function checkEndpoints(
  config: ChainSettings,
): Promise<{ items: CheckItem[]; provider: JsonRpcProvider | undefined }> {
  const items: CheckItem[] = [];
  let provider: JsonRpcProvider | undefined;
  for (const url of config.chain.rpc) {
    const { origin } = new URL(url);
    const started = performance.now();
    let candidate: JsonRpcProvider;
    try {
      candidate = await connectRpc(url);
    } catch (error) {
      items.push(
        fail("rpc", (error as Error).message, "check the address, and that the node runs", exitCodes.network),
      );
      continue;
    }
    const latency_ms = Math.round(performance.now() - started);
    const { chainId } = await candidate.getNetwork();
    items.push(ok("rpc", `${origin} answers in ${latency_ms} ms`));
    if (chainId === BigInt(config.chain.id)) {
      items.push(ok("chain id", `${chainId} at ${origin}`));
      if (provider === undefined) provider = candidate;
      else candidate.destroy();
    } else {
      items.push(
        fail(
          "chain id",
          `expected ${config.chain.id}, actual ${chainId} at ${origin}`,
          "correct chain.id or chain.rpc",
          exitCodes.network,
        ),
      );
      candidate.destroy();
    }
  }
  if (config.chain.rpc.length === 1)
    items.push(warn("rpc", "only one RPC endpoint", "add a second to detect one that lies or lags"));
  return { items, provider };
}

/** The pairing of two infinities is 1; a chain without the precompile returns no data. */
export async function checkPrecompile(provider: JsonRpcProvider): Promise<CheckItem> {
  const answer: string = await provider.send("eth_call", [
    { to: `0x${"0f".padStart(40, "0")}`, data: `0x${"00".repeat(384)}` },
    "latest",
  ]);
  if (answer === `0x${"1".padStart(64, "0")}`) return ok("EIP-2537", "the pairing precompile answers");
  return fail(
    "EIP-2537",
    `expected 1 from precompile 0x0f, actual ${answer}`,
    "use a chain with EIP-2537: whitepay presets",
    exitCodes.refused,
  );
}

export async function checkClock(config: ChainSettings): Promise<CheckItem> {
  const name = "clock";
  const clock = { now_ms: () => Date.now(), sleep: (ms: number) => sleep(ms) };
  for (const url of config.chain.rpc) {
    const measured = await clockOffset(() => serverDate(url, dateTimeout_ms), clock).catch(() => undefined);
    if (measured === undefined) continue;
    const { offset_ms, uncertainty_ms } = measured;
    const found = `${offset_ms} ms (± ${uncertainty_ms} ms) from ${new URL(url).origin}`;
    const off = Math.abs(offset_ms) - uncertainty_ms;
    if (off > clockFail_ms) return fail(name, found, "set the clock with chrony, systemd-timesyncd or ntpd");
    return off > clockWarn_ms
      ? warn(name, found, "synchronise the clock with chrony, systemd-timesyncd or ntpd")
      : ok(name, found);
  }
  return warn(name, "no endpoint sends its time", "make sure that chrony, systemd-timesyncd or ntpd runs");
}
