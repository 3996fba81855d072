/** Two processes with the same keys (D9). */
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { freePorts } from "../../../daemon/free-port.ts";
import type { FaultFleet } from "../../support/fleet/fault-fleet.ts";
import type { Certified } from "../../support/fleet/certificates.ts";
import type { KeeperPlan } from "../../support/fleet/traces.ts";

type Config = { dataDir: string; listen: string[] };

/** A second process on the same data folder ends before it sends a message. */
async function sameFolderIsRefused(fleet: FaultFleet, index: number): Promise<void> {
  const config = join(fleet.keeper(index).folder, "config.json");
  const refused = fleet.startProcess("same folder", config, fleet.planFile(index));
  refused.expectEnd();
  expect((await refused.ended).code).not.toBe(0);
  expect(await readFile(join(fleet.folder, "same-folder.log"), "utf8")).toContain(
    "in use by another process",
  );
}

export type Twin = {
  readonly traces: string;
  /** Where it answers over HTTP. */
  readonly api: string;
  end(): Promise<void>;
};

/** A second process of keeper `index`: another folder, another port, the same keys. */
export async function startTwin(fleet: FaultFleet, index: number): Promise<Twin> {
  const folder = await mkdtemp(join(fleet.folder, "twin-"));
  const config = JSON.parse(
    await readFile(join(fleet.keeper(index).folder, "config.json"), "utf8"),
  ) as Config;
  const [port] = await freePorts(1);
  const twin = { ...config, dataDir: join(folder, "data"), listen: [`/ip4/127.0.0.1/tcp/${port}`] };
  const plan = JSON.parse(await readFile(fleet.planFile(index), "utf8")) as KeeperPlan;
  const traces = join(folder, "traces");
  await writeFile(join(folder, "config.json"), JSON.stringify(twin));
  await writeFile(join(folder, "plan.json"), JSON.stringify({ ...plan, folder: traces }));
  const process = fleet.startProcess("twin", join(folder, "config.json"), join(folder, "plan.json"));
  const { api } = (await process.ready) as { api: string };
  return {
    traces,
    api,
    end: async () => {
      process.expectEnd();
      process.kill("SIGTERM");
      await process.ended;
    },
  };
}

/**
 * S5: of two processes with one key at least one stops signing, so no turn gets two signatures of the key. `onTraces` gets the
 * traces of the second process. After the second process has ended and the keeper was restarted, the keeper takes part again.
 */
export async function sameKeyTwice(
  fleet: FaultFleet,
  onTraces: (folder: string) => void,
): Promise<Certified> {
  const ts = await fleet.ts();
  // This keeper dials all others, so its second process reaches them too.
  const peerIds = Array.from({ length: fleet.size }, (_, index) => fleet.peerIdOf(index));
  const doubled = peerIds.indexOf([...peerIds].sort()[0] as string);
  await sameFolderIsRefused(fleet, doubled);
  const twin = await startTwin(fleet, doubled);
  onTraces(twin.traces);
  const certified = await fleet.certified(ts, 2);
  if (certified.turn === 2) expect(certified.failed).toEqual([doubled]);
  const logs = [join(fleet.keeper(doubled).folder, "log"), join(fleet.folder, "twin.log")];
  const said = await Promise.all(logs.map((log) => readFile(log, "utf8")));
  expect(said.join()).toContain("second-instance");
  await fleet.confirmed(certified);
  await twin.end();
  await fleet.stopKeeper(doubled);
  await fleet.restart(doubled);
  await fleet.allConnected();
  const alone = await fleet.certified(certified.te, 2);
  await fleet.confirmed(alone);
  const after = await fleet.certified(alone.te, 2);
  expect(after.signers).toContain(doubled);
  await fleet.confirmed(after);
  return certified;
}
