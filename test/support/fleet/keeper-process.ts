/**
 * The keeper's daemon with its world under a test's control: `node keeper-process.ts <config> <plan>`. The daemon is the
 * real one; only its ports are wrapped. Over a loopback port the test says how it behaves and asks whether it is at rest.
 */
import { appendFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { decodeMessage } from "../../../keeper/codec/message.ts";
import { readConfig } from "../../../keeper/config.ts";
import type { KeeperDependencies } from "../../../keeper/runtime/keeper.ts";
import { wire } from "../../../keeper/wire.ts";
import { plainBehaviours } from "../../../scripts/sim/byzantine/behaviours.ts";
import type { Behaviour } from "../../../scripts/sim/byzantine/behaviours.ts";
import { changing } from "../../../scripts/sim/byzantine/changing.ts";
import { dieAt, killPoints } from "../../../scripts/sim/byzantine/kill-points.ts";
import { override } from "../../../scripts/sim/byzantine/override.ts";
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

/** When this keeper last did anything, and what it still waits for. */
class Rest {
  head = -1;
  #pending = 0;
  #last_ms = performance.now();

  stir(): void {
    this.#last_ms = performance.now();
  }

  async during<T>(work: Promise<T>): Promise<T> {
    this.#pending++;
    this.stir();
    try {
      return await work;
    } finally {
      this.#pending--;
      this.stir();
    }
  }

  /** Resolves when `block` has been handled and nothing has stirred for `quiet_ms` since. */
  async reached(block: number, quiet_ms: number): Promise<void> {
    for (;;) {
      // What has arrived meanwhile is read before the clock is: a process that was kept waiting is not at rest.
      await new Promise((next) => setImmediate(next));
      await new Promise((next) => setImmediate(next));
      const left_ms = this.#last_ms + quiet_ms - performance.now();
      if (this.head >= block && this.#pending === 0 && left_ms <= 0) return;
      await new Promise((next) => setTimeout(next, Math.max(10, Math.min(left_ms, quiet_ms))));
    }
  }
}

function observed(ports: KeeperDependencies, rest: Rest, plan: KeeperPlan): KeeperDependencies {
  const { transport, provider, store, chain } = ports;
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
        rest.stir();
        partial(bytes);
        return transport.publish(topic, bytes);
      },
      join: (topic, handler) =>
        transport.join(topic, (bytes, from) => {
          partial(bytes);
          return rest.during(handler(bytes, from));
        }),
    }),
    provider: override(provider, {
      challenge: (...call) => rest.during(provider.challenge(...call)),
      pieceList: (...call) => rest.during(provider.pieceList(...call)),
    }),
    store: override(store, {
      write: async (group, writes) => {
        await rest.during(store.write(group, writes));
        const lines = writes.flatMap((write) => encodeAcknowledged(write) ?? []);
        if (lines.length > 0) appendFileSync(join(plan.folder, acknowledgedFile), `${lines.join("\n")}\n`);
      },
    }),
    chain: override(chain, {
      follow: (groups, onUpdate, onTrouble, signal) =>
        chain.follow(
          groups,
          async (update) => {
            await onUpdate(update);
            rest.stir();
            rest.head = update.blocks.at(-1)?.number ?? rest.head;
          },
          onTrouble,
          signal,
        ),
      keeperEndpoint: async (operator) => {
        const found = await chain.keeperEndpoint(operator);
        if (found === undefined) return undefined;
        return { ...found, multiaddrs: found.multiaddrs.map((address) => plan.links[address] ?? address) };
      },
    }),
  };
}

/** `/rest?block=B&quiet=MS` answers when the keeper is at rest at block B; `/behave?as=NAME` changes its behaviour. */
async function control(rest: Rest, behave: (name: string) => void): Promise<string> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    if (url.pathname === "/behave") {
      behave(url.searchParams.get("as") ?? "honest");
      response.end();
      return;
    }
    const [block, quiet_ms] = ["block", "quiet"].map((name) => Number(url.searchParams.get(name)));
    void rest.reached(block ?? 0, quiet_ms ?? 0).then(() => response.end());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const [configFile, planFile] = process.argv.slice(2);
const plan = JSON.parse(await readFile(planFile ?? "", "utf8")) as KeeperPlan;
const config = await readConfig(configFile ?? "");
await mkdir(plan.folder, { recursive: true });
const rest = new Rest();
let behaviour = "honest";
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
const daemon = await wire(config, (ports) => changing(known, () => behaviour)(observed(ports, rest, plan)));
const url = await control(rest, (name) => {
  if (name !== "honest" && !known.has(name)) throw new RangeError(`behaviour: actual ${name}`);
  behaviour = name;
});
const { peerId, addresses: addrs, api } = daemon;
process.stdout.write(`${JSON.stringify({ event: "ready", peerId, addrs, api, control: url })}\n`);
await daemon.run(stop.signal);
process.exit(0);
