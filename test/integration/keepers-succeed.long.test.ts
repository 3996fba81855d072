/** Keeper daemons that consent by themselves to the replacement of a member that resigned, and to nothing else (R37). */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Daemon } from "../../keeper/compose.ts";
import type { Hex } from "../../protocol/hash.ts";
import { DaemonScene } from "../support/daemon-scene.ts";
import type { Keeper } from "../support/contracts/basics.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";

let scene: DaemonScene;
beforeAll(async () => {
  scene = await DaemonScene.open();
});
afterAll(() => scene.close());

const lower = ({ operator }: Keeper): Hex => operator.address.toLowerCase() as Hex;

/** Values of one field in all events of a committee with this name. */
async function told(committee: Committee, name: string, field: string, version: number): Promise<unknown[]> {
  const { contract } = committee;
  const logs = await contract.queryFilter(name, 0);
  return logs
    .map((log) => contract.interface.parseLog(log)?.args)
    .filter((args) => Number(args?.["version"]) === version)
    .map((args) => args?.[field] as unknown);
}

async function consentsTo(committee: Committee, version: number): Promise<string[]> {
  const operators = await told(committee, "MemberConsented", "operator", version);
  return operators.map((one) => String(one).toLowerCase()).sort();
}

/** How often a daemon has counted a reason. */
async function counted({ api }: Daemon, code: string): Promise<number> {
  const text = await (await fetch(`${api}/metrics`)).text();
  const line = text.split("\n").find((one) => one.includes(`code="${code}"`));
  return line === undefined ? 0 : Number(line.split(" ").at(-1));
}

it("replaces the member that resigned, and no other one; the new member signs", async () => {
  const keepers = await scene.keepers(5);
  const [away, second, third, leaver, joiner] = keepers as [Keeper, Keeper, Keeper, Keeper, Keeper];
  // The first member's daemon does not run: its operator consents by hand. The member that resigned runs until the handover.
  const daemons = await scene.run([1, 2, 3, 4]);
  const committee = await scene.on.world.committee(keepers.slice(0, 4));
  await committee.send(leaver.operator, "resign");
  // The joiner takes the seat of the third member, which has not resigned.
  const hostile = await committee.propose([away, second, joiner, leaver], leaver.operator);
  for (const one of [joiner, leaver]) await committee.send(one.operator, "consent", [hostile]);
  const isWithheld = async (): Promise<boolean> => {
    const counts = await Promise.all(daemons.slice(0, 2).map((one) => counted(one, "consent-withheld")));
    return counts.every((count) => count > 0);
  };
  await scene.mineUntil(isWithheld, 60, "both daemons withhold their consent");
  const version = await committee.propose([away, second, third, joiner], away.operator);
  for (const one of [away, joiner]) await committee.send(one.operator, "consent", [version]);
  const isInForce = async (): Promise<boolean> => Number(await committee.read("currentVersion")) === version;
  // The committee has no group yet, so the version takes effect with its last consent.
  await scene.mineUntil(isInForce, 60, "the version takes effect");
  expect(await consentsTo(committee, version)).toEqual([away, second, third, joiner].map(lower).sort());
  expect(await consentsTo(committee, hostile)).toEqual([leaver, joiner].map(lower).sort());
  for (const daemon of daemons.slice(0, 2)) expect(await counted(daemon, "consented-alone")).toBe(1);
  for (const daemon of daemons.slice(2)) expect(await counted(daemon, "consented-alone")).toBe(0);
  // Without the first member a certificate needs the signature of the new one.
  const group = await scene.on.group(committee);
  await group.add("provider that nobody can reach");
  const signers = (): Promise<unknown[]> => told(committee, "Certified", "signers", version);
  await scene.mineUntil(async () => (await signers()).length > 0, 200, "a certificate of the version");
  expect(await signers()).toEqual([0b1110n]);
}, 240_000);
