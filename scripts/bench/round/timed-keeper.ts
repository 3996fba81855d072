/**
 * A keeper's daemon that writes down times: `node timed-keeper.ts <config> <plan>`. It writes a line for each head that it has handled
 * and for each certificate, and connects to the others through the addresses in the plan.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { readConfig } from "../../../keeper/config.ts";
import { composeKeeper } from "../../../keeper/compose.ts";
import { override } from "../../../sim/byzantine/override.ts";

export type Stamp =
  | { readonly kind: "head"; readonly head: number; readonly at_ms: number }
  | { readonly kind: "certificate"; readonly te: number; readonly at_ms: number };

export type TimedPlan = { readonly stamps: string; readonly links: Readonly<Record<string, string>> };

if (import.meta.main) {
  const [configFile, planFile] = process.argv.slice(2) as [string, string];
  const plan = JSON.parse(readFileSync(planFile, "utf8")) as TimedPlan;
  const stamp = (line: Stamp): void => appendFileSync(plan.stamps, `${JSON.stringify(line)}\n`);
  const now_ms = (): number => performance.timeOrigin + performance.now();
  const stop = new AbortController();
  process.once("SIGTERM", () => stop.abort());
  const daemon = await composeKeeper(await readConfig(configFile), (ports) => {
    const { chain } = ports;
    const timed = override(chain, {
      follow: (groups, onUpdate, onTrouble, signal) =>
        chain.follow(
          groups,
          (update) => {
            const head = update.blocks.at(-1)?.number;
            if (head !== undefined) stamp({ kind: "head", head, at_ms: now_ms() });
            return onUpdate(update);
          },
          onTrouble,
          signal,
        ),
      submit: (submission, signal) => {
        if (submission.kind !== "consent")
          stamp({ kind: "certificate", te: submission.certificate.te, at_ms: now_ms() });
        return chain.submit(submission, signal);
      },
      keeperEndpoint: async (operator) => {
        const found = await chain.keeperEndpoint(operator);
        if (found === undefined) return undefined;
        return { ...found, multiaddrs: found.multiaddrs.map((address) => plan.links[address] ?? address) };
      },
    });
    return { ...ports, chain: timed };
  });
  const { peerId, addresses: addrs, api } = daemon;
  process.stdout.write(`${JSON.stringify({ event: "ready", peerId, addrs, api })}\n`);
  await daemon.run(stop.signal);
  process.exit(0);
}
