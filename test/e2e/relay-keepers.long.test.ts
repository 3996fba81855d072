/**
 * Two of four keepers, each behind a router that lets no connection in, and out only those to the chain, to providers and to relays: with real
 * processes and network namespaces, they sign certificates over the relays of the other two; when a relay's keeper dies, over the other one.
 */
import { readFile, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { expect, it } from "vitest";
import { connectRpc } from "../../client/connect.ts";
import type { DevnetDocument } from "../../scripts/devnet/run.ts";
import { cliScript } from "../../scripts/paths.ts";
import { runCli } from "../support/cli.ts";
import { providerPorts, relayPorts, relayPortsIn, untilTrue } from "../support/relay-devnet.ts";
import { Router } from "../support/router.ts";
import { alive, beside, until } from "../support/whitepay.ts";

const minute_ms = 60_000;
const start_ms = 10 * minute_ms;
const devnet = ["devnet", "--json", "--keepers", "4", "--providers", "2", "--relays", "2"];

type Settlement = { readonly block: number; readonly signers: readonly number[] };

/** A keeper of the devnet, started again in a network namespace of its own. */
type Moved = { readonly output: () => string; stop(): Promise<void> };

async function moveBehindRouter(
  folder: string,
  index: number,
  pid: number,
  ports: readonly number[],
): Promise<Moved> {
  process.kill(pid, "SIGTERM");
  await untilTrue("the keeper ends", async () => (await alive([pid])).length === 0);
  const place = join(folder, `keeper-${index}`);
  const config = join(place, "config.json");
  const settings = JSON.parse(await readFile(config, "utf8")) as object;
  await writeFile(config, JSON.stringify({ ...settings, announce: ["/p2p-circuit"] }));
  // Outside, the operator says that relays know where it is.
  const registered = await runCli(["keeper", "register", "--config", config, "--yes", "--json"]);
  expect(registered.code, registered.stderr).toBe(0);
  expect(JSON.parse(registered.stdout)).toMatchObject({ multiaddrs: ["/p2p-circuit"] });
  const router = await Router.open(place, new Map(ports.map((port) => [port, port])));
  const { child, output } = router.run([cliScript, "keeper", "run", "--config", config]);
  const ended = new Promise((done) => child.once("close", done));
  return {
    output,
    async stop() {
      child.kill("SIGTERM");
      await ended;
      await router.close();
    },
  };
}

it(
  "two keepers behind routers sign certificates over relays, and without them there is no quorum",
  () =>
    beside(devnet, async (command, folder) => {
      await until(command, () => command.stdout().includes("\n"), start_ms);
      const up = JSON.parse(command.stdout()) as DevnetDocument;
      const chain = await connectRpc(up.rpc);
      const relays = await relayPorts(chain, up);
      expect(relays.size).toBe(2);
      const ports = [...relays.keys(), ...(await providerPorts(chain, up)), Number(new URL(up.rpc).port)];
      const moved: Moved[] = [];
      try {
        for (const index of [2, 3]) {
          moved.push(await moveBehindRouter(folder, index, up.keepers[index]?.pid ?? 0, ports));
        }
        for (const { output } of moved) {
          await untilTrue("places at both relays", () => relayPortsIn(output()).length === 2);
        }
        const from = join(folder, "..", "letters.bin");
        await writeFile(from, randomBytes(100_000));
        const words = [from, "--copies", "2", "--for", "1months", "--yes"];
        const stored = await runCli(["store", ...words, "--config", up.payerConfig, "--json"]);
        expect(stored.code, stored.stderr).toBe(0);
        const { group } = JSON.parse(stored.stdout) as { group: string };

        const settled = async (): Promise<readonly Settlement[]> => {
          const answer = await fetch(`${up.keepers[0]?.api}/v1/groups/${group}/settlements`);
          const { items = [] } = (await answer.json()) as { items?: Settlement[] };
          return items;
        };
        await untilTrue("a certificate that both signed", async () =>
          (await settled()).some(({ signers }) => signers.includes(2) && signers.includes(3)),
        );
        const metrics = await (await fetch(`${up.keepers[0]?.api}/metrics`)).text();
        const figure = (name: string): number =>
          Number(new RegExp(`^whitepay_relay_${name} (\\d+)$`, "m").exec(metrics)?.[1]);
        expect(figure("reservations")).toBe(2);
        expect(figure("places")).toBeGreaterThanOrEqual(2);
        expect(figure("received_bytes_total")).toBeGreaterThan(1_000);

        // Now each of the other three is needed, and those behind routers have one relay.
        process.kill(up.keepers[1]?.pid ?? 0, "SIGKILL");
        const head = await chain.getBlockNumber();
        await untilTrue("a certificate of the other three", async () =>
          (await settled()).some(({ block, signers }) => block > head && signers.join() === "0,2,3"),
        );
      } catch (error) {
        const said = moved.map(({ output }) => output().slice(-4_000)).join("\n\n");
        throw new Error(`${String(error)}\nthe keepers say:\n${said}`, { cause: error });
      } finally {
        await Promise.all(moved.map((one) => one.stop()));
        chain.destroy();
      }
    }),
  start_ms + 40 * minute_ms,
);
