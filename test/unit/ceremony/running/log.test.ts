/** The log of a ceremony: the queue, slots that are lost, refused entries, attestations, the beacon, and forks. */
import { TypedDataEncoder } from "ethers";
import { describe, expect, it } from "vitest";
import { drandChain, drandTimeOf } from "../../../../ceremony/beacon/drand.ts";
import {
  ceremonyId,
  decodeDefinition,
  definitionBytes,
  maxEntries,
  readDefinition,
} from "../../../../ceremony/running/definition.ts";
import { entryHash, joinDigest, responseDigest, responseText } from "../../../../ceremony/running/entries.ts";
import type { Entry, EntryBody } from "../../../../ceremony/running/entries.ts";
import { forkOf, readEntry, replay } from "../../../../ceremony/running/log.ts";
import { dueBody, noCommittee } from "../../../../ceremony/running/queue.ts";
import type { Ports } from "../../../../ceremony/running/queue.ts";
import { attestationSigner } from "../../../../archive/attesting.ts";
import { canonicalText } from "../../../../archive/canonical.ts";
import { keccakText, zeroHash, type Hex } from "../../../../protocol/hash.ts";
import { definitionOf, hashesOf, LogScene, organiser, party } from "../../../support/ceremony/running.ts";
import { publicRounds } from "../beacon/rounds.ts";
import type { PublicRound } from "../beacon/rounds.ts";

const [alice, bob, carol] = [party(1), party(2), party(3)];

const refusal = (scene: LogScene, body: EntryBody): string => {
  const added = scene.add(body);
  return added.ok ? "accepted" : `${added.code}: ${added.detail}`;
};

describe("the queue", () => {
  it("gives each participant a slot in the order of joining, from the challenge of the one before", () => {
    const scene = new LogScene().open();
    scene.must(scene.joins(alice));
    scene.must(scene.joins(bob));
    expect(scene.state.queue).toEqual([alice.address, bob.address]);
    expect(refusal(scene, { ...scene.slot(alice), index: 2 } as EntryBody)).toMatch(
      /^order: .*index: expected 1, actual 2/,
    );
    expect(refusal(scene, scene.slot(bob))).toMatch(/^order: entry 3 \(slot\): expected 0x/);
    scene.must(scene.slot(alice));
    expect(scene.state.slot).toMatchObject({ participant: alice.address, index: 1, ends_s: 1_100 });
    expect(refusal(scene, scene.slot(bob))).toMatch(/has not ended/);
    scene.must(scene.response(alice));
    scene.must(scene.accepted());
    scene.must(scene.slot(bob));
    expect(refusal(scene, scene.response(bob, { index: 1 }))).toMatch(
      /^order: .*index: expected 2, actual 1/,
    );
    expect(scene.state.challenge).toEqual(hashesOf(scene.sizes.challenge, "challenge 2"));
    expect(scene.state.contributions).toHaveLength(1);
    expect(scene.state.contributions[0]).toMatchObject({ participant: alice.address, settled: true });
  });

  it("takes the slot from the silent at its end, not before, and lets it join again behind the others", () => {
    const scene = new LogScene().open();
    scene.must(scene.joins(alice));
    scene.must(scene.joins(bob));
    scene.must(scene.slot(alice));
    const lost: EntryBody = { type: "lost", participant: alice.address, index: 1 };
    scene.time_s = 1_099;
    expect(dueBody(scene.state, scene.time_s)).toBeUndefined();
    expect(refusal(scene, lost)).toMatch(/^time: .*the slot ends at 1100, actual 1099/);
    scene.time_s = 1_100;
    expect(refusal(scene, scene.response(alice))).toMatch(/^time: .*the slot ended at 1100/);
    expect(dueBody(scene.state, scene.time_s)).toEqual(lost);
    scene.must(lost);
    expect(refusal(scene, scene.joins(alice))).toMatch(/turn: expected 1, actual 0/);
    scene.must(scene.joins(alice, 1));
    expect(scene.state.queue).toEqual([bob.address, alice.address]);
    expect(dueBody(scene.state, scene.time_s)).toEqual(scene.slot(bob));
    expect(scene.state.lost).toMatchObject([{ participant: alice.address, index: 1 }]);
  });

  it("has a bound on the slots of one participant, and on participants", () => {
    const scene = new LogScene(definitionOf({ maxParticipants: 2 })).open();
    for (const turn of [0, 1]) {
      scene.must(scene.joins(alice, turn));
      scene.must(scene.slot(alice));
      scene.time_s += 100;
      scene.must({ type: "lost", participant: alice.address, index: 1 });
    }
    expect(refusal(scene, scene.joins(alice, 2))).toMatch(/slots of 0x\w+: expected at most 2/);
    scene.must(scene.joins(bob));
    expect(refusal(scene, scene.joins(carol))).toMatch(/participants: expected at most 2/);
    expect(refusal(scene, scene.joins(bob, 1))).toMatch(/in the queue already/);
    expect(maxEntries(definitionOf({ maxParticipants: 2 }))).toBe(19);
  });

  it("admits only those of a list, and nobody twice", () => {
    const scene = new LogScene(definitionOf({ participants: [alice.address] })).open();
    expect(refusal(scene, scene.joins(bob))).toMatch(/^person: .*not among/);
    scene.contribute(alice);
    expect(refusal(scene, scene.joins(alice, 1))).toMatch(/has contributed already/);
  });

  it("passes on after a refused response, whose checks stay in the log", () => {
    const scene = new LogScene().open();
    scene.must(scene.joins(alice));
    scene.must(scene.joins(bob));
    scene.must(scene.slot(alice));
    scene.must(scene.response(alice));
    scene.time_s = 2_000;
    expect(dueBody(scene.state, scene.time_s)).toBeUndefined();
    // A response that came in time is checked, however long that takes.
    const lost: EntryBody = { type: "lost", participant: alice.address, index: 1 };
    expect(refusal(scene, lost)).toMatch(/^order: .*the response is there/);
    scene.must({ type: "refused", index: 1, failed: ["tauG1"], reason: "τ in G1: expected another point" });
    expect(scene.state.refused).toMatchObject([{ participant: alice.address, failed: ["tauG1"] }]);
    expect(dueBody(scene.state, scene.time_s)).toEqual(scene.slot(bob));
    expect(scene.state.contributions).toEqual([]);
  });
});

describe("the log refuses", () => {
  it.each<[string, (scene: LogScene, entry: Entry) => unknown, RegExp]>([
    ["another number", (_, entry) => ({ ...entry, number: 5 }), /^chain: number: expected 3, actual 5/],
    [
      "another entry before it",
      (_, entry) => ({ ...entry, previous: zeroHash }),
      /^chain: entry 3: previous/,
    ],
    ["a changed body", (_, entry) => ({ ...entry, body: { type: "closed" } }), /^signature: /],
    [
      "a time before",
      (scene) => {
        scene.time_s = 10;
        const draft = { ...scene.log.draft(scene.slot(alice), 10), time_s: 10 };
        const digest = entryHash(scene.state.ceremony, draft);
        return { ...draft, signature: organiser.key.sign(digest).serialized };
      },
      /^time: entry 3: expected a time from 1000 on, actual 10/,
    ],
    ["an entry that a participant signed", (scene) => scene.entry(scene.slot(alice), bob), /^signature: /],
    ["another form", (_, entry) => ({ ...entry, more: 1 }), /^form: /],
    ["text in place of an entry", () => "entry", /^form: /],
  ])("%s", (_, change, expected) => {
    const scene = new LogScene().open();
    scene.must(scene.joins(alice));
    scene.must(scene.joins(bob));
    const read = readEntry(change(scene, scene.entry(scene.slot(alice))));
    const added = read.ok ? scene.log.add(read.value) : read;
    expect(added.ok ? "accepted" : `${added.code}: ${added.detail}`).toMatch(expected);
    scene.must(scene.slot(alice));
  });

  it.each<[string, (scene: LogScene) => object, RegExp]>([
    [
      "more hashes than a reader computes",
      () => ({
        type: "announced",
        beacon: { source: "block", chainId: 1, number: 2, head: 1 },
        exponent: 25,
      }),
      /exponent/,
    ],
    [
      "a long document",
      (scene) => ({ ...scene.response(alice), document: { kind: "nitro", data: "A".repeat(21_852) } }),
      /document/,
    ],
    [
      "a check that does not hold",
      (scene) => ({ ...scene.accepted(), checks: { chain: true, tauG1: false } }),
      /checks/,
    ],
  ])("an entry with %s", (_, bodyOf, expected) => {
    const scene = new LogScene().open();
    const read = readEntry({ ...scene.entry(scene.joins(alice)), body: bodyOf(scene) });
    expect(read.ok ? "accepted" : `${read.code}: ${read.detail}`).toMatch(/^form: /);
    expect(read.ok ? "" : read.detail).toMatch(expected);
  });

  it("a statement that its participant did not sign, or that saw another log", () => {
    const scene = new LogScene().open();
    const foreign = { ...scene.joins(alice), participant: bob.address };
    expect(refusal(scene, foreign)).toMatch(/^signature: .*expected the signature of/);
    expect(refusal(scene, { ...scene.joins(alice), name: "another" })).toMatch(/^signature: /);
    expect(refusal(scene, scene.joins(alice, 0, { seen: zeroHash }))).toMatch(/^seen: /);
    scene.must(scene.joins(alice));
    scene.must(scene.slot(alice));
    const wrongSize = { response: hashesOf(scene.sizes.response - 1, "x") };
    expect(refusal(scene, scene.response(alice, wrongSize))).toMatch(
      /^file: .*expected 1632 bytes, actual 1631/,
    );
    expect(refusal(scene, scene.response(alice, { challenge: zeroHash }))).toMatch(
      /^file: .*challenge: expected/,
    );
    expect(refusal(scene, scene.response(bob))).toMatch(/^person: /);
    const { signature } = scene.response(bob, { participant: alice.address });
    expect(refusal(scene, { ...scene.response(alice), signature })).toMatch(
      /^signature: .*expected the signature of/,
    );
    expect(refusal(scene, scene.response(alice, { seen: zeroHash }))).toMatch(/^seen: /);
    expect(refusal(scene, scene.accepted())).toMatch(/no response was submitted/);
    const refused: EntryBody = { type: "refused", index: 1, failed: [], reason: "no file" };
    expect(refusal(scene, refused)).toMatch(/^order: .*no response was submitted/);
    expect(refusal(scene, scene.response(alice, { index: 2 }))).toMatch(
      /^order: .*index: expected 1, actual 2/,
    );
    scene.must(scene.response(alice));
    for (const bytes of [scene.sizes.challenge - 1, scene.sizes.challenge + 1]) {
      const body = { ...scene.accepted(), challenge: hashesOf(bytes, "x") } as EntryBody;
      expect(refusal(scene, body)).toMatch(/^file: .*challenge: expected/);
    }
    expect(refusal(scene, { ...refused, index: 2 })).toMatch(/^order: .*index: expected 1, actual 2/);
    expect(refusal(scene, scene.response(alice))).toMatch(/has a response already/);
  });

  it("all but its opening as the first entry", () => {
    const scene = new LogScene();
    expect(refusal(scene, { type: "closed" })).toMatch(/^phase: .*expected "opened"/);
    expect(refusal(scene, { type: "opened", challenge: hashesOf(10, "x") })).toMatch(/^file: /);
    scene.open();
    expect(refusal(scene, { type: "opened", challenge: hashesOf(10, "x") })).toMatch(/^phase: /);
  });
});

describe("a replay", () => {
  it("gives the same state, and a fork shows", () => {
    const scene = new LogScene().open();
    scene.contribute(alice);
    const again = replay(scene.log.definition, JSON.parse(JSON.stringify(scene.log.entries)), noCommittee);
    expect(again.ok && again.value.state).toEqual(scene.state);
    expect(again.ok && again.value.head).toBe(scene.log.head);
    const other = new LogScene().open();
    other.must(other.joins(bob));
    const fork = forkOf(scene.log.definition, scene.log.entries, other.log.entries);
    expect(fork).toMatchObject({ number: 1 });
    expect(fork?.a.previous).toBe(fork?.b.previous);
    // Nobody else can make one: the organiser signed both entries, after the same entry.
    const [before, own] = [scene.log.entries.slice(0, 1), other.entry(other.joins(bob))];
    const entry = other.log.entries[1] as Entry;
    const { serialized } = bob.key.sign(entryHash(scene.state.ceremony, entry));
    const forged = [...before, { ...entry, signature: serialized as Hex }];
    expect(forkOf(scene.log.definition, scene.log.entries, forged)).toBeUndefined();
    expect(forkOf(scene.log.definition, forged, scene.log.entries)).toBeUndefined();
    const elsewhere = [...before, own];
    expect(own.previous).not.toBe(scene.log.entries[1]?.previous);
    expect(forkOf(scene.log.definition, scene.log.entries, elsewhere)).toBeUndefined();
    const prefix = scene.log.entries.slice(0, 3);
    expect(forkOf(scene.log.definition, scene.log.entries, prefix)).toBeUndefined();
  });

  it("refuses a log without one of its entries", () => {
    const scene = new LogScene().open().contribute(alice);
    const less = scene.log.entries.filter(({ number }) => number !== 2);
    expect(replay(scene.log.definition, less, noCommittee)).toMatchObject({ ok: false, code: "chain" });
  });
});

describe("attestations (R48)", () => {
  const committee = { chainId: 1, address: party(9).address };
  const sign = (member: number, version = 1) => ({
    type: "attested" as const,
    index: 1,
    version,
    member,
    signature: `0x${`${version}${member}`.padStart(96, "0")}` as const,
  });
  const claims: unknown[] = [];
  const ports: Ports = {
    quorumOf: (version) => (version < 3 ? 3 : undefined),
    verifyAttestation: (claim, { version, member, signature }) => {
      claims.push(claim);
      return signature === sign(member, version).signature;
    },
  };

  it("settle a contribution with the quorum's last signature; the next slot starts then", () => {
    const scene = new LogScene(definitionOf({ committee }), ports).open().contribute(alice);
    scene.must(scene.joins(bob));
    expect(dueBody(scene.state, 5_000)).toBeUndefined();
    expect(refusal(scene, scene.slot(bob))).toMatch(/contribution 1 is not settled/);
    const block = { source: "block" as const, chainId: 1, number: 100, head: 99 };
    expect(refusal(scene, { type: "announced", beacon: block, exponent: 4 })).toMatch(/is not settled/);
    scene.must(sign(0));
    expect(refusal(scene, sign(0))).toMatch(/has signed contribution 1 already/);
    expect(refusal(scene, sign(1, 3))).toMatch(/the committee has no version 3/);
    expect(refusal(scene, { ...sign(1), index: 2 })).toMatch(/contribution 2 is not accepted/);
    expect(refusal(scene, { ...sign(1), signature: sign(2).signature })).toMatch(/is not that of member 1/);
    scene.must(sign(2));
    // The next version's members do not add to the quorum of this one.
    scene.must(sign(3, 2));
    expect(scene.state.contributions[0]?.settled).toBe(false);
    scene.must(sign(3));
    expect(scene.state.contributions[0]?.settled).toBe(true);
    scene.must(scene.slot(bob));
    // After the quorum, the others may still sign.
    scene.must(sign(1));
    const [challenge, response] = ["challenge 1", "response 1"].map((text) => hashesOf(1, text).root);
    expect(claims[0]).toEqual({ ceremony: scene.state.ceremony, index: 1, challenge, response });
  });

  it("have a bound for each contribution", () => {
    const scene = new LogScene(definitionOf({ committee }), { ...ports, verifyAttestation: () => true });
    scene.open().contribute(alice);
    for (let member = 0; member < 248; member++) scene.must(sign(member));
    expect(refusal(scene, { ...sign(0), signature: sign(1).signature })).toMatch(/member 0 has signed/);
    expect(refusal(scene, sign(248))).toMatch(/attestations: expected at most 248/);
  });

  it("are refused without a committee", () => {
    const scene = new LogScene(definitionOf(), ports).open().contribute(alice);
    expect(refusal(scene, sign(0))).toMatch(/has no committee/);
  });
});

describe("the beacon", () => {
  const quicknet = drandChain("quicknet");
  const { round, randomness } = publicRounds.find((one) => one.chain === "quicknet") as PublicRound;
  const from_s = drandTimeOf(quicknet, round.round);
  const beacon = { source: "drand" as const, chain: quicknet.hash, round: round.round };
  const announced: EntryBody = { type: "announced", beacon, exponent: 4 };
  const final = (scene: LogScene): Extract<EntryBody, { type: "beacon" }> => ({
    type: "beacon",
    value: randomness,
    round: { round: round.round, signature: round.signature },
    index: 2,
    response: hashesOf(scene.sizes.response, "beacon"),
    checks: { beaconKey: true },
  });

  it("is announced before its round exists, ends the queue, and is the round's own value", () => {
    const scene = new LogScene().open();
    expect(refusal(scene, announced)).toMatch(/there is no contribution/);
    scene.contribute(alice);
    scene.time_s = from_s - 1;
    scene.must(announced);
    expect(scene.state.phase).toBe("announced");
    expect(refusal(scene, scene.joins(bob))).toMatch(/^phase: .*the queue is closed/);
    expect(refusal(scene, announced)).toMatch(/^phase: /);
    expect(refusal(scene, final(scene))).toMatch(/^beacon: .*the round exists from/);
    scene.time_s = from_s;
    expect(refusal(scene, { ...final(scene), value: zeroHash })).toMatch(/^beacon: .*value: expected/);
    expect(refusal(scene, { ...final(scene), round: undefined })).toMatch(/expected the round of drand/);
    const forged = { round: round.round, signature: `0x${"a1".repeat(48)}` as const };
    expect(refusal(scene, { ...final(scene), round: forged })).toMatch(/the signature is not the chain's/);
    const other = { ...final(scene), round: { round: 43, signature: round.signature } };
    expect(refusal(scene, other)).toMatch(/round: expected 42, actual 43/);
    scene.must(final(scene));
    expect(scene.state.phase).toBe("closed");
    expect(scene.state.beacon).toMatchObject({ index: 2, value: randomness });
  });

  it("is refused if its round or block exists", () => {
    const scene = new LogScene().open().contribute(alice);
    const block = (head: number): EntryBody => ({
      ...announced,
      beacon: { source: "block", chainId: 1, number: 100, head },
    });
    expect(refusal(scene, block(100))).toMatch(/^beacon: .*expected one after the head 100/);
    scene.must(block(99));
    // The block's endpoint says its value: a round would prove nothing.
    expect(refusal(scene, final(scene))).toMatch(/^beacon: .*expected no round with a block/);
    const late = new LogScene().open().contribute(alice);
    late.time_s = from_s;
    expect(refusal(late, announced)).toMatch(/^beacon: .*round 42 exists since/);
    const unknown = { ...announced, beacon: { ...beacon, chain: zeroHash } };
    expect(refusal(late, unknown)).toMatch(/^beacon: .*chain of drand: expected default or quicknet/);
  });
});

const fieldOf = (field: string): { type: string; name: string } => {
  const [type = "", name = ""] = field.split(" ");
  return { type, name };
};

describe("signed messages", () => {
  const domain = { name: "WhitePay ceremony", version: "1" };
  const typed = (name: string, fields: string, value: object): string => {
    return TypedDataEncoder.hash(domain, { [name]: fields.split(",").map(fieldOf) }, value);
  };

  it("have the digests that a wallet computes (EIP-712)", () => {
    const scene = new LogScene().open();
    const { ceremony } = scene.state;
    const entry = scene.entry(scene.joins(alice));
    const body = keccakText(canonicalText(entry.body));
    expect(entryHash(ceremony, entry)).toBe(
      typed("Entry", "bytes32 ceremony,uint64 number,bytes32 previous,uint64 time,bytes32 body", {
        ...entry,
        ceremony,
        time: entry.time_s,
        body,
      }),
    );
    const join = scene.joins(alice, 3);
    expect(joinDigest(ceremony, join)).toBe(
      typed("Join", "bytes32 ceremony,address participant,string name,uint64 turn,bytes32 seen", {
        ...join,
        ceremony,
      }),
    );
    const {
      type: _,
      signature,
      ...statement
    } = scene.response(alice, {
      index: 7,
      document: { kind: "nitro", data: "AAAA" },
    });
    const text = canonicalText({ ...statement, ceremony });
    const attestation = { Attestation: ["bytes32 root", "string statement"].map(fieldOf) };
    const archive = { name: "WhitePay archive", version: "1" };
    const value = { root: statement.response.root, statement: text };
    const digest = TypedDataEncoder.hash(archive, attestation, value);
    expect(responseDigest(ceremony, { ...statement, type: "submitted" })).toBe(digest);
    // It is what `archive show` checks for an attestation about the file.
    expect(attestationSigner(statement.response.root, text, signature)).toBe(alice.address);
    expect(responseText(ceremony, { ...statement, type: "submitted" })).toBe(text);
  });
});

describe("the definition", () => {
  it("has one form of its bytes, whose root is the ceremony's id", () => {
    const definition = definitionOf();
    const bytes = definitionBytes(definition);
    expect(decodeDefinition(bytes)).toEqual({ ok: true, value: definition });
    expect(ceremonyId(definition)).not.toBe(ceremonyId({ ...definition, slot_s: 101 }));
    const spaced = new TextEncoder().encode(JSON.stringify(definition, undefined, 1));
    expect(decodeDefinition(spaced)).toMatchObject({ code: "not-canonical" });
    expect(decodeDefinition(new Uint8Array(300_000))).toMatchObject({ code: "too-large" });
    expect(decodeDefinition(Uint8Array.of(0xff))).toMatchObject({ code: "syntax" });
  });

  it.each<[string, object, RegExp]>([
    ["a power that the curve's field has not", { power: 29 }, /at most 28 with bn254/],
    ["a command without a place for the response", { command: ["x", "{challenge}"] }, /command: expected/],
    [
      "a command with the response's place twice",
      { command: ["x", "{challenge}", "{response}", "{response}"] },
      /command: expected/,
    ],
    ["a slot of more than 30 days", { slot_s: 30 * 86_400 + 1 }, /slot_s/],
    ["no participant", { participants: [] }, /participants/],
    ["another curve", { curve: "secp256k1" }, /curve/],
    ["an unknown field", { more: 1 }, /more/],
    ["a title with a line end", { title: "a\nb" }, /title: /],
  ])("refuses %s", (_, changes, expected) => {
    const read = readDefinition({ ...definitionOf(), ...changes });
    expect(read.ok ? "" : read.detail).toMatch(expected);
  });
});
