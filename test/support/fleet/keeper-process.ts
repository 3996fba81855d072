/**
 * The keeper's daemon with its world under a test's control: `node keeper-process.ts <config> <plan>`. The daemon is the
 * real one; only its ports are wrapped. Over a loopback port the test says how it behaves.
 */
import { appendFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { decodeMessage } from "../../../protocol/codec/message.ts";
import { readConfig } from "../../../keeper/config.ts";
import type { KeeperDependencies } from "../../../keeper/runtime/keeper.ts";
import { composeKeeper } from "../../../keeper/compose.ts";
import { plainBehaviours } from "../../../sim/byzantine/behaviours.ts";
import type { Behaviour } from "../../../sim/byzantine/behaviours.ts";
import { changing } from "../../../sim/byzantine/changing.ts";
import { dieAt, killPoints } from "../../../sim/byzantine/kill-points.ts";
import { override } from "../../../sim/byzantine/override.ts";
import { acknowledgedFile, encodeAcknowledged, partialsFile } from "./traces.ts";
import type { KeeperPlan } from "./traces.ts";

const die = (): void => void process.kill(process.pid, "SIGKILL");

/** Of what others say, every other message never arrives. */
const lossy: Behaviour = (ports) => {
  const { transport } = ports;
  let heard = 0;
  const join: typeof transport.join = (topic, handler) =>
    transport.join(topic, async (bytes, from) => (heard++ % 2 === 0 ? "ignore" : handler(bytes, from)));
  return { ...ports, transport: override(transport, { join }) };
};

const known = new Map<string, Behaviour>([
  ...plainBehaviours,
  ...killPoints.map((point) => [point, dieAt(point, die)] as const),
  ["lossy", lossy],
]);

function observed(ports: KeeperDependencies, plan: KeeperPlan): KeeperDependencies {
  const { transport, store, chain } = ports;
  const partial = (bytes: Uint8Array): void => {
    const decoded = decodeMessage(bytes);
    if (decoded.ok && decoded.value.body.kind === "partial") {
      appendFileSync(join(plan.folder, partialsFile), `${Buffer.from(bytes).toString("hex")}\n`);
    }
  };
  return {
    ...ports,
    transport: override(transport, {
      publish: (topic, bytes) => {
        partial(bytes);
        return transport.publish(topic, bytes);
      },
      join: (topic, handler) =>
        transport.join(topic, (bytes, from) => {
          partial(bytes);
          return handler(bytes, from);
        }),
    }),
    store: override(store, {
      write: async (committee, writes) => {
        await store.write(committee, writes);
        const lines = writes.flatMap((write) => encodeAcknowledged(committee, write) ?? []);
        if (lines.length > 0) appendFileSync(join(plan.folder, acknowledgedFile), `${lines.join("\n")}\n`);
      },
    }),
    chain: override(chain, {
      keeperEndpoint: async (operator) => {
        const found = await chain.keeperEndpoint(operator);
        if (found === undefined) return undefined;
        return { ...found, multiaddrs: found.multiaddrs.map((address) => plan.links[address] ?? address) };
      },
    }),
  };
}

/** `/behave?as=NAME` changes its behaviour. */
async function control(behave: (name: string) => void): Promise<string> {
  const server = createServer((request, response) => {
    behave(new URL(request.url ?? "/", "http://127.0.0.1").searchParams.get("as") ?? "honest");
    response.end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const [configFile, planFile] = process.argv.slice(2);
const plan = JSON.parse(await readFile(planFile ?? "", "utf8")) as KeeperPlan;
const config = await readConfig(configFile ?? "");
await mkdir(plan.folder, { recursive: true });
let behaviour = "honest";
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
const daemon = await composeKeeper(config, (ports) =>
  changing(known, () => behaviour)(observed(ports, plan)),
);
const url = await control((name) => {
  if (name !== "honest" && !known.has(name)) throw new RangeError(`behaviour: actual ${name}`);
  behaviour = name;
});
const { peerId, addresses: addrs, api } = daemon;
process.stdout.write(`${JSON.stringify({ event: "ready", peerId, addrs, api, control: url })}\n`);
await daemon.run(stop.signal);
process.exit(0);
