/** A devnet whose keepers offer relays, seen from a process behind a router. */
import { Contract, type JsonRpcProvider } from "ethers";
import { registryAbi } from "../../client/abi.ts";
import { isCircuit } from "../../daemon/peers/addresses.ts";
import type { DevnetDocument } from "../../scripts/devnet/run.ts";

const longest_ms = 10 * 60_000;

/** Looks twice a second. @throws after ten minutes */
export async function untilTrue(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const end_ms = performance.now() + longest_ms;
  while (!(await holds())) {
    if (performance.now() > end_ms) throw new Error(`not within ten minutes: ${what}`);
    await new Promise((next) => setTimeout(next, 500));
  }
}

function portOf(address: string): number {
  return Number(/tcp\/(\d+)/.exec(address)?.[1]);
}

/** Operators of the keepers that offer a relay, by the relay's port. */
export async function relayPorts(chain: JsonRpcProvider, up: DevnetDocument): Promise<Map<number, string>> {
  const registry = new Contract(up.registry, registryAbi, chain);
  const relays = new Map<number, string>();
  for (const { operator } of up.keepers) {
    const { multiaddrs } = await registry.getFunction("keeper")(operator);
    const relay = [...(multiaddrs as string[])].find((text) => text.includes("/p2p/"));
    if (relay !== undefined) relays.set(portOf(relay), operator);
  }
  return relays;
}

export async function providerPorts(chain: JsonRpcProvider, up: DevnetDocument): Promise<number[]> {
  const registry = new Contract(up.registry, registryAbi, chain);
  const entries = up.providers.map(({ operator }) => registry.getFunction("provider")(operator));
  return (await Promise.all(entries)).flatMap(({ multiaddrs }) =>
    [...(multiaddrs as string[])].filter((text) => !isCircuit(text)).map(portOf),
  );
}

/** The relays' ports in a daemon's last line about its addresses. */
export function relayPortsIn(output: string): number[] {
  const line = output.split("\n").findLast((text) => text.includes("reached over relays")) ?? "";
  return [...line.matchAll(/\/tcp\/(\d+)\/p2p\/[^/]+\/p2p-circuit/g)].map(([, port]) => Number(port));
}
