/** `whitepay keeper attest` against a ceremony's service, with a committee on a real chain (R48). */
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { responseDigest } from "../../ceremony/running/entries.ts";
import type { EntryBody } from "../../ceremony/running/entries.ts";
import { claimOf } from "../../ceremony/running/queue.ts";
import type { Contribution } from "../../ceremony/running/queue.ts";
import { learnedPorts } from "../../cli/ceremony/committee.ts";
import { CeremonyFolder, signerOf } from "../../cli/ceremony/folder.ts";
import { attestingMembers, signContribution } from "../../client/contribution.ts";
import type { Hex } from "../../protocol/hash.ts";
import { fundOperators, makeKeeper, registerKeeper, type Keeper } from "../../scripts/fleet/setup.ts";
import { makeChain } from "../support/ceremony/powers.ts";
import type { MadeChain } from "../support/ceremony/powers.ts";
import { organiser, party } from "../support/ceremony/running.ts";
import type { Party } from "../support/ceremony/running.ts";
import { fileHashes, ServiceScene } from "../support/ceremony/service.ts";
import { openKeeperScene, parsed, payee, type KeeperScene } from "../support/keeper-scene.ts";

const [alice, bob] = [party(1), party(2)];
let scene: KeeperScene;
let keepers: Keeper[];
let committee: Hex;
let chain: MadeChain;
const services: ServiceScene[] = [];

beforeAll(async () => {
  chain = makeChain("bn254", { power: 1, contributions: 2 });
  scene = await openKeeperScene();
  const { provider, folder, ports, operator, deployment } = scene;
  keepers = await Promise.all([1, 2, 3].map((i) => makeKeeper(folder, i, ports[i] as number)));
  await fundOperators(provider, [operator, ...keepers.map((keeper) => keeper.operator)]);
  for (const keeper of keepers) await registerKeeper(provider, deployment.registry, keeper);
  await scene.done("register", "--payee", payee, "--yes");
  const formed = await scene.invited(keepers);
  await scene.done("committee join", formed, "--yes");
  committee = formed.toLowerCase() as Hex;
});
afterAll(() => scene.stop());
afterEach(async () => {
  for (const service of services.splice(0)) await service.remove();
});

let title = 0;

/** A service of a ceremony of its own; with the same title, of the same one. */
async function open(name = `ceremony ${(title += 1)}`): Promise<ServiceScene> {
  const changes = { title: name, committee: { chainId: 31_337, address: committee } };
  const service = await ServiceScene.open(changes, [scene.rpc]);
  services.push(service);
  return service;
}

const response = (index: number): Uint8Array => chain.responses[index - 1] as Uint8Array;
const attest = (service: ServiceScene, ...rest: string[]) => scene.keeper("attest", service.url, ...rest);
const notes = (service: ServiceScene): Promise<string[]> =>
  readdir(join(scene.folder, "mine", "data", "attested", service.state.ceremony)).catch(() => []);

async function contribute(service: ServiceScene, who: Party, index: number): Promise<void> {
  await service.join(who);
  expect(await service.submit(who, response(index))).toMatchObject({ status: 200 });
  expect(service.state.contributions).toHaveLength(index);
}

/** Signatures of other members, as their own commands send them. */
async function attestAsOthers(service: ServiceScene, index: number, from: number, to: number): Promise<void> {
  const members = await attestingMembers(scene.provider, committee);
  const claim = claimOf(service.state, service.state.contributions[index - 1] as Contribution);
  for (const keeper of keepers.slice(from, to)) {
    const own = members.members.find(
      ({ operator }) => operator.toLowerCase() === keeper.operator.toLowerCase(),
    );
    const signature = signContribution(keeper.keys.bls, members, claim);
    const statement = { type: "attested", index, version: members.version, member: own?.index, signature };
    expect(await service.post("/v1/attestations", statement)).toMatchObject({ status: 200 });
  }
}

/** Entries as an organiser writes them that verifies nothing. */
async function acceptUnseen(
  service: ServiceScene,
  who: Party,
  bytes: Uint8Array,
  challenge: Uint8Array,
): Promise<void> {
  await service.stop();
  const folder = await CeremonyFolder.open(service.folder, (definition, entries) =>
    learnedPorts(definition, entries, [scene.rpc]),
  );
  const signer = signerOf(organiser.key.privateKey as Hex);
  const index = folder.state.contributions.length + 1;
  const append = (body: EntryBody) => folder.mustAppend(body, service.now_s, signer);
  const turn = folder.state.people.get(who.address)?.turns ?? 0;
  const slot = folder.state.slot;
  if (slot === undefined) throw new Error(`${who.address} has no slot, turn ${turn}`);
  const statement = {
    type: "submitted" as const,
    index,
    participant: who.address,
    challenge: folder.state.challenge?.root as Hex,
    response: fileHashes(bytes),
    seen: folder.log.head,
  };
  const digest = responseDigest(folder.state.ceremony, statement);
  await append({ ...statement, signature: who.key.sign(digest).serialized as Hex });
  await writeFile(folder.file(`response_000${index}`), bytes);
  await writeFile(folder.file(`challenge_000${index + 1}`), challenge);
  await append({ type: "accepted", index, checks: { chain: true }, challenge: fileHashes(challenge) });
  await folder.close();
  await service.start();
}

it("signs what holds, once; with q signatures the next participant gets its slot", async () => {
  const service = await open();
  await contribute(service, alice, 1);
  await service.join(bob);
  expect(service.state.slot).toBeUndefined();
  const first = await attest(service, "--ceremony", service.state.ceremony, "--json");
  expect(first.code, first.stderr).toBe(0);
  expect(parsed(first)).toMatchObject({ ceremony: service.state.ceremony, signed: [1] });
  expect(service.state.contributions[0]).toMatchObject({ settled: false, attestations: [{ version: 1 }] });
  expect(await notes(service)).toEqual(["1.json"]);
  const again = await attest(service);
  expect(again.code).toBe(0);
  expect(again.stderr).toContain("no contribution waits for this keeper's signature");

  await attestAsOthers(service, 1, 0, 1);
  expect(service.state.contributions[0]?.settled).toBe(false);
  await attestAsOthers(service, 1, 1, 2);
  expect(service.state.contributions[0]?.settled).toBe(true);
  expect(service.state.slot?.participant).toBe(bob.address);
  // The second one starts from the first; its challenge is computed from the response that was attested.
  expect(await service.submit(bob, response(2))).toMatchObject({ status: 200 });
  const second = await attest(service);
  expect(second.code, second.stderr).toBe(0);
  expect(second.stderr).toMatch(/contribution 2 holds \(\d+ checks\): signed as member \d/);
  expect(service.state.contributions[1]?.attestations).toHaveLength(1);
});

it("signs nothing of an organiser that accepts a forged response", async () => {
  const service = await open();
  await service.join(alice);
  const forged = Uint8Array.from(response(1));
  const other = makeChain("bn254", { power: 1, contributions: 1, seed: 2 }).responses[0] as Uint8Array;
  // The key of another contributor: the powers are not those of its secret.
  forged.set(other.subarray(-768), forged.length - 768);
  await acceptUnseen(service, alice, forged, chain.challenges[1] as Uint8Array);
  const { code, stderr } = await attest(service);
  expect(code).toBe(1);
  expect(stderr).toMatch(/contribution 1 does not hold, although the organiser accepted it: .*tauG1/);
  expect(service.state.contributions[0]?.attestations).toEqual([]);
  expect(await notes(service)).toEqual([]);
});

it("signs nothing that starts from another challenge than the one of the response before", async () => {
  const service = await open();
  await service.join(alice);
  const strange = makeChain("bn254", { power: 1, contributions: 2, seed: 3 });
  await acceptUnseen(service, alice, response(1), strange.challenges[1] as Uint8Array);
  const first = await attest(service);
  expect(first.code, first.stderr).toBe(0);
  await attestAsOthers(service, 1, 0, 2);
  await service.join(bob);
  await acceptUnseen(service, bob, strange.responses[1] as Uint8Array, strange.challenges[2] as Uint8Array);
  const { code, stderr } = await attest(service);
  expect(code).toBe(1);
  expect(stderr).toContain("the log's challenge_0002 is not the one that follows from the files before it");
  expect(await notes(service)).toEqual(["1.json"]);
});

it("signs one contribution for each place, whatever a second log shows", async () => {
  const service = await open("two logs");
  await contribute(service, alice, 1);
  expect((await attest(service)).code).toBe(0);
  const second = await open("two logs");
  expect(second.state.ceremony).toBe(service.state.ceremony);
  await second.join(bob);
  const other = makeChain("bn254", { power: 1, contributions: 1, seed: 4 });
  expect(await second.submit(bob, other.responses[0] as Uint8Array)).toMatchObject({ status: 200 });
  const { code, stderr } = await attest(second, "--work", join(scene.folder, "work"));
  expect(code).toBe(6);
  expect(stderr).toContain("this keeper has signed another contribution 1");
  expect(second.state.contributions[0]?.attestations).toEqual([]);
});

it("refuses another ceremony, one without a committee, and bytes that are not those of the log", async () => {
  const service = await open();
  const wrong = await attest(service, "--ceremony", `0x${"12".repeat(32)}`);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain("serves another ceremony");
  const alone = await ServiceScene.open({ title: "alone" });
  services.push(alone);
  const none = await attest(alone);
  expect(none.code).toBe(2);
  expect(none.stderr).toContain("the ceremony names no committee");
  const nobody = await scene.keeper("attest", "http://127.0.0.1:1/");
  expect(nobody.code).toBe(3);

  await contribute(service, alice, 1);
  const path = join(service.folder, "files", "response_0001");
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
  await writeFile(path, bytes);
  const damaged = await attest(service);
  expect(damaged.code).toBe(3);
  expect(damaged.stderr).toContain(
    `expected: BLAKE2b 0x${createHash("blake2b512").update(response(1)).digest("hex")}`,
  );
  expect(await notes(service)).toEqual([]);
});

it("follows the log until a signal", async () => {
  const service = await open();
  const running = scene.start("attest", service.url, "--follow");
  await contribute(service, alice, 1);
  const deadline = Date.now() + 60_000;
  while (service.state.contributions[0]?.attestations.length === 0 && Date.now() < deadline)
    await new Promise((next) => setTimeout(next, 100));
  running.child.kill("SIGTERM");
  const { code, stderr } = await running.ended;
  expect(code, stderr).toBe(0);
  expect(service.state.contributions[0]?.attestations).toHaveLength(1);
});
