/** The service of a ceremony over HTTP: slots, uploads that break off, refused responses, and strangers. */
import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { chainFaults } from "../../archive/editions.ts";
import { filesOf, readArchive } from "../../archive/manifest.ts";
import { manifestRoot, canonicalBytes } from "../../archive/manifest.ts";
import { manifestSigner } from "../../archive/signing.ts";
import { maxEntries } from "../../ceremony/running/definition.ts";
import { replay } from "../../ceremony/running/log.ts";
import { noCommittee } from "../../ceremony/running/queue.ts";
import { CeremonyFolder, signerOf } from "../../cli/ceremony/folder.ts";
import { startCeremony } from "../../cli/ceremony/serve.ts";
import type { Hex } from "../../protocol/hash.ts";
import { organiser, party } from "../support/ceremony/running.ts";
import { makeChain } from "../support/ceremony/powers.ts";
import type { MadeChain } from "../support/ceremony/powers.ts";
import { ServiceScene } from "../support/ceremony/service.ts";

const [alice, bob, carol] = [party(1), party(2), party(3)];
const power = 1;
let chain: MadeChain;
const scenes: ServiceScene[] = [];

beforeAll(() => {
  chain = makeChain("bn254", { power, contributions: 2 });
});

afterEach(async () => {
  for (const scene of scenes.splice(0)) await scene.remove();
});

async function open(...options: Parameters<typeof ServiceScene.open>): Promise<ServiceScene> {
  const scene = await ServiceScene.open(...options);
  scenes.push(scene);
  return scene;
}

const response = (index: number): Uint8Array => chain.responses[index - 1] as Uint8Array;
const fileOf = (scene: ServiceScene, name: string): Promise<Uint8Array> =>
  readFile(join(scene.folder, "files", name)).then((bytes) => new Uint8Array(bytes));

describe("contributions", () => {
  it("follow each other, each with its edition of the manifest", async () => {
    const scene = await open();
    expect(await fileOf(scene, "challenge_0001")).toEqual(chain.challenges[0]);
    for (const [i, who] of [alice, bob].entries()) {
      expect(await scene.join(who)).toMatchObject({ status: 200 });
      expect(scene.state.slot).toMatchObject({ participant: who.address, index: i + 1 });
      expect(await scene.submit(who, response(i + 1))).toMatchObject({
        status: 200,
        body: { complete: true },
      });
      expect(await fileOf(scene, `challenge_000${i + 2}`)).toEqual(chain.challenges[i + 1]);
    }
    expect(scene.state.contributions.map(({ participant }) => participant)).toEqual([
      alice.address,
      bob.address,
    ]);
    const log = await scene.ask("/v1/log");
    const entries = log.body["entries"] as unknown[];
    const again = replay(scene.state.definition, entries, noCommittee);
    expect(again.ok && again.value.state).toEqual(scene.state);
    expect((await scene.ask("/v1/log?after=2")).body["entries"]).toEqual(entries.slice(3));
    const editions = [];
    for (const edition of [1, 2, 3]) {
      const bytes = await readFile(join(scene.folder, "editions", `archive_000${edition}.json`));
      const read = readArchive(bytes);
      if (!read.ok) throw new Error(read.detail);
      const { manifest, signatures } = read.value;
      editions.push(manifest);
      const signature = signatures[0]?.signature as `0x${string}`;
      const root = manifestRoot(canonicalBytes(manifest));
      expect(manifestSigner({ root, previous: manifest.previous, edition }, signature)).toBe(
        organiser.address,
      );
    }
    expect(chainFaults(editions)).toEqual([]);
    const names = filesOf(editions[2] as (typeof editions)[0]).map(({ name }) => name);
    expect(names.toSorted()).toEqual(
      ["ceremony.json", "challenge_0001", "challenge_0002", "challenge_0003"].concat([
        "log_0001.json",
        "log_0002.json",
        "log_0003.json",
        "response_0001",
        "response_0002",
      ]),
    );
    expect(editions[2]?.attestations.map(({ about }) => about)).toEqual(["response_0001", "response_0002"]);
  });

  it("are uploaded in parts, also over a connection that breaks and a service that restarts", async () => {
    const scene = await open();
    await scene.join(alice);
    const statement = scene.responseOf(alice, response(1));
    const { body } = await scene.post("/v1/uploads", statement);
    expect(body).toMatchObject({ offset: 0, bytes: response(1).length, complete: false });
    expect(await scene.put(body["token"], 0, response(1).subarray(0, 100))).toMatchObject({
      body: { offset: 100 },
    });
    await new Promise<void>((done) => {
      const headers = { "Upload-Offset": "100", "Content-Length": "1000" };
      const cut = request(`${scene.url}/v1/uploads/${String(body["token"])}`, { method: "PUT", headers });
      cut.once("error", () => done());
      cut.write(response(1).subarray(100, 250), () => setTimeout(() => cut.destroy(), 200));
    });
    await scene.stop();
    await scene.start();
    const again = await scene.post("/v1/uploads", statement);
    expect(again.body).toMatchObject({ token: body["token"], offset: 250 });
    // Of two requests with the same bytes one is written.
    const twice = await Promise.all(
      [1, 2].map(() => scene.put(body["token"], 250, response(1).subarray(250, 300))),
    );
    expect(twice.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await scene.put(body["token"], 0, response(1))).toMatchObject({ status: 409 });
    expect(await scene.put(body["token"], 300, response(1).subarray(300))).toMatchObject({ status: 200 });
    await scene.running.service.idle();
    expect(scene.state.contributions).toHaveLength(1);
    expect(await fileOf(scene, "response_0001")).toEqual(response(1));
  });

  it("that are forged are refused with the check that fails, and the slot passes on", async () => {
    const scene = await open();
    await scene.join(alice);
    await scene.join(bob);
    const forged = makeChain("bn254", { power, contributions: 2, seed: 7 }).responses[1] as Uint8Array;
    expect(await scene.submit(alice, forged)).toMatchObject({ status: 200, body: { complete: true } });
    expect(scene.state.refused[0]).toMatchObject({ participant: alice.address, index: 1 });
    expect(scene.state.refused[0]?.failed).toContain("chain");
    expect(scene.state.slot).toMatchObject({ participant: bob.address, index: 1 });
    await expect(fileOf(scene, "response_0001")).rejects.toThrow(/ENOENT/);
    await scene.submit(bob, new Uint8Array(response(1).length).fill(255));
    expect(scene.state.refused[1]).toMatchObject({ participant: bob.address, failed: ["format"] });
    expect(await scene.join(alice, 1)).toMatchObject({ status: 200 });
    await scene.submit(alice, response(1));
    expect(scene.state.contributions).toHaveLength(1);
  });

  it("of the silent do not hold up the others", async () => {
    const scene = await open();
    await scene.join(alice);
    await scene.join(bob);
    const statement = scene.responseOf(alice, response(1));
    const { body } = await scene.post("/v1/uploads", statement);
    await scene.put(body["token"], 0, response(1).subarray(0, 100));
    scene.now_s += 100;
    expect(await scene.put(body["token"], 100, response(1).subarray(100))).toMatchObject({ status: 409 });
    await expect.poll(() => scene.state.slot?.participant, { timeout: 30_000 }).toBe(bob.address);
    expect(scene.state.lost).toMatchObject([{ participant: alice.address, index: 1 }]);
    expect(await scene.ask(`/v1/uploads/${String(body["token"])}`)).toMatchObject({ status: 404 });
  });
});

describe("the log's file", () => {
  it("goes on after a crash in the middle of an entry", async () => {
    const scene = await open();
    await scene.join(alice);
    const before = scene.entries;
    await scene.stop();
    const file = join(scene.folder, "log.jsonl");
    await appendFile(file, '{"number":3,"previous":"0x');
    await scene.start();
    expect(scene.entries).toEqual(before);
    await scene.join(bob);
    await scene.stop();
    await scene.start();
    expect(scene.entries).toHaveLength(4);
    expect(scene.state.queue).toEqual([bob.address]);
  });

  it("takes no entry that readers would refuse", async () => {
    const scene = await open();
    await scene.join(alice);
    const statement = scene.responseOf(alice, response(1));
    await scene.stop();
    const folder = await CeremonyFolder.open(scene.folder, () => Promise.resolve(noCommittee));
    const signer = signerOf(organiser.key.privateKey as Hex);
    await folder.mustAppend(statement, scene.now_s, signer);
    const refused = { type: "refused" as const, index: 1, failed: ["chain"], reason: "two\nlines" };
    const added = await folder.append(refused, scene.now_s, signer);
    expect(added).toMatchObject({ ok: false, code: "form" });
    expect(await folder.append({ ...refused, reason: "one line" }, scene.now_s, signer)).toMatchObject({
      ok: true,
    });
    await folder.close();
    await scene.start();
    expect(scene.state.refused).toHaveLength(1);
  });

  it("is written by one process at a time, and only with the organiser's key", async () => {
    const scene = await open();
    const other = startCeremony(scene.folder, alice.key.privateKey as Hex, { host: "127.0.0.1", port: 0 });
    await scene.stop();
    await expect(other).rejects.toThrow(/--key is not the organiser's/);
    await writeFile(join(scene.folder, "lock"), `${process.ppid}\n`);
    await expect(scene.start()).rejects.toThrow(/another command writes this ceremony/);
    await rm(join(scene.folder, "lock"));
    const file = join(scene.folder, "log.jsonl");
    await writeFile(file, (await readFile(file, "utf8")).replace('"time_s":10000', '"time_s":10001'));
    await expect(scene.start()).rejects.toThrow(/log.jsonl is damaged/);
  });
});

describe("strangers", () => {
  it("cannot upload, write past the end, or leave bytes that were not declared", async () => {
    const scene = await open();
    await scene.join(alice);
    await scene.join(bob);
    expect(await scene.post("/v1/uploads", scene.responseOf(bob, response(1)))).toMatchObject({
      status: 409,
    });
    const statement = scene.responseOf(alice, response(1));
    const stolen = { ...statement, signature: scene.responseOf(bob, response(1)).signature };
    expect(await scene.post("/v1/uploads", stolen)).toMatchObject({ status: 409 });
    expect(await scene.post("/v1/uploads", scene.responseOf(alice, response(1).subarray(1)))).toMatchObject({
      status: 409,
      body: { expected: expect.stringMatching(/expected \d+ bytes/) },
    });
    expect(await scene.put(`0x${"00".repeat(32)}`, 0, response(1))).toMatchObject({ status: 404 });
    const { body } = await scene.post("/v1/uploads", statement);
    const long = new Uint8Array(response(1).length + 1);
    expect(await scene.put(body["token"], 0, long)).toMatchObject({ status: 413 });
    const other = await scene.post("/v1/uploads", scene.responseOf(alice, response(1), { index: 2 }));
    expect(other).toMatchObject({ status: 409 });
    const wrong = response(1).with(100, 255);
    expect(await scene.put(body["token"], 0, wrong)).toMatchObject({
      status: 422,
      body: { expected: expect.stringMatching(/blake2b: expected 0x/) },
    });
    // After wrong bytes the participant may begin anew, as long as its slot lasts.
    const again = await scene.post("/v1/uploads", statement);
    expect(again.body).toMatchObject({ token: body["token"], offset: 0 });
    expect(await scene.put(body["token"], 0, response(1))).toMatchObject({ status: 200 });
  });

  it("read files by ranges, and nothing else of the folder", async () => {
    const scene = await open();
    const challenge = chain.challenges[0] as Uint8Array;
    const part = await fetch(`${scene.url}/files/challenge_0001`, { headers: { Range: "bytes=10-19" } });
    expect(part.status).toBe(206);
    expect(part.headers.get("content-range")).toBe(`bytes 10-19/${challenge.length}`);
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(challenge.slice(10, 20));
    const beyond = { headers: { Range: `bytes=${challenge.length}-` } };
    expect(await scene.ask("/files/challenge_0001", beyond)).toMatchObject({ status: 416 });
    for (const path of ["/files/..%2flog.jsonl", "/files/lock", "/files/challenge_0002", "/v1/nothing", "/"])
      expect(await scene.ask(path)).toMatchObject({ status: 404 });
    expect(await scene.ask("/v1/log?after=x")).toMatchObject({ status: 400 });
    expect((await scene.ask("/v1/status")).body).toMatchObject({ phase: "open", queue: [], slot: null });
  });

  it("make neither log nor memory grow beyond what the definition allows", async () => {
    const scene = await open({ maxParticipants: 3, maxSlots: 1 });
    const bodies = [
      JSON.stringify({ type: "join", name: "x".repeat(40_000) }),
      "[".repeat(30_000),
      "not JSON",
      JSON.stringify({ ...scene.joinOf(alice), signature: `0x${"00".repeat(65)}` }),
      JSON.stringify({
        type: "attested",
        index: 1,
        version: 1,
        member: 0,
        signature: `0x${"00".repeat(48)}`,
      }),
    ];
    const statuses = new Map<number, number>();
    const count = ({ status }: { status: number }): unknown =>
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    const paths = ["/v1/joins", "/v1/uploads", "/v1/attestations"];
    for (let round = 0; round < 20; round++)
      await Promise.all(
        paths.flatMap((path) => bodies.map((body) => scene.ask(path, { method: "POST", body }).then(count))),
      );
    // A busy machine may send less than the bound for a while: then the flood goes on until something is refused unread.
    for (const end = performance.now() + 60_000; !statuses.has(429) && performance.now() < end;)
      await Promise.all(Array.from({ length: 200 }, () => scene.ask("/v1/log?after=x").then(count)));
    expect([...statuses.keys()].toSorted((a, b) => a - b)).toEqual([400, 409, 413, 429]);
    expect(scene.entries).toHaveLength(1);
    await new Promise((next) => setTimeout(next, 2_000));
    for (let i = 10; i < 20; i++) await scene.join(party(i));
    expect(scene.state.people.size).toBe(3);
    expect(scene.entries.length).toBeLessThanOrEqual(maxEntries(scene.state.definition));
    // An honest participant that came in time is served.
    expect(await scene.submit(party(10), response(1))).toMatchObject({ status: 200 });
    expect(scene.state.contributions).toHaveLength(1);
    expect(await scene.join(carol)).toMatchObject({ status: 409 });
  });
});
