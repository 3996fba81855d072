import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { getBytes } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { committeeSizes } from "../../../../scripts/demo/command.ts";
import { complaintsAbout, type Evidence } from "../../../../scripts/demo/check.ts";
import type { DemoDocument } from "../../../../scripts/demo/document.ts";
import { Faults } from "../../../../scripts/demo/faults.ts";
import { groupParams } from "../../../../scripts/demo/params.ts";
import { tableOf } from "../../../../scripts/demo/report.ts";
import { encodeG1, publicKeyOf, signatureTag } from "../../../../client/bls.ts";
import { devnetRhythm } from "../../../../cli/chain/presets.ts";
import { leaderOf, turnOrder } from "../../../../protocol/turns.ts";
import { runCli } from "../../../support/cli.ts";
import { brokenConditions } from "../../../support/rhythm.ts";

const address = (n: number): string => `0x${n.toString(16).padStart(40, "0")}`;
const seed = `0x${"5e".repeat(32)}`;
const digest = `0x${"d1".repeat(32)}`;
const tx = `0x${"ab".repeat(32)}`;
const operators = [1, 2, 3, 4].map(address);
const signers = [0, 1, 3];
const secret = (n: number): string => `0x${(n + 1).toString(16).padStart(64, "0")}`;

const gib = 2n ** 30n;

/** The sum of the signers' signatures, by the library alone. */
function aggregate(): string {
  const { shortSignatures: bls } = bls12_381;
  const message = bls.hash(getBytes(digest), signatureTag);
  return encodeG1(
    signers.map((n) => bls.sign(message, getBytes(secret(n)))).reduce((sum, point) => sum.add(point)),
  );
}

/** One settled interval of two providers, with numbers that follow from the rules by hand. */
function story(): { document: DemoDocument; evidence: Evidence } {
  const params = { ...groupParams({ keepers: 4, providers: 2 }), originBlock: 100, committeeSeed: seed };
  const leader = leaderOf(turnOrder(100, seed, operators), 1);
  // Price 10^18 a GiB·block: 40 and 80 GiB·blocks cost 40 and 80 tokens, of which a tenth goes to four keepers.
  const token = 10n ** 18n;
  const items = [
    { provider: 0, spaceTime: 40n * gib, amount: 40n * token, toProvider: 36n * token },
    { provider: 1, spaceTime: 80n * gib, amount: 80n * token, toProvider: 72n * token },
  ];
  const share = 3n * token;
  const document: DemoDocument = {
    rpc: "http://127.0.0.1:1",
    chainId: 31_337,
    group: address(99),
    token: address(98),
    params,
    committee: operators.map((operator, index) => ({ index, operator, payee: address(50 + index) })),
    providers: [0, 1].map((index) => ({
      index,
      operator: address(20 + index),
      payee: address(30 + index),
      bytes: BigInt(index + 1) * gib,
    })),
    settlements: [
      {
        ts: 100,
        te: 140,
        turn: 1,
        leader,
        block: 150,
        tx,
        gasUsed: 200_000,
        failed: [],
        payees: [0, 1, 2, 3],
        signers,
        items,
        keeperCut: 12n * token,
        shares: { "0": share, "1": share, "2": share, "3": share },
      },
    ],
    escrow: { deposited: 1000n * token, balance: 1000n * token, withdrawn: 0n, credited: 120n * token },
    challenges: { asked: 48, passed: 48, whole: 40, partial: 8, failed: 0 },
    ok: false,
  };
  const evidence: Evidence = {
    ends: [140],
    tokenBalance: 1000n * token,
    tokenIn: 1000n * token,
    tokenOut: 0n,
    unallocated: 880n * token,
    certificates: new Map([
      [
        tx,
        {
          digest,
          announced: digest,
          signature: aggregate(),
          keys: signers.map((n) => publicKeyOf(secret(n))),
        },
      ],
    ]),
    committed: new Map([
      [
        100,
        new Map([
          [0, 40n * gib],
          [1, 80n * gib],
        ]),
      ],
    ]),
    standIns: new Map(),
  };
  return { document, evidence };
}

type Story = ReturnType<typeof story>;
type Settlement = DemoDocument["settlements"][number];
const first = ({ document }: Story): Settlement => document.settlements[0] as Settlement;
const certificate = ({ evidence }: Story): { digest: string; keys: string[] } =>
  evidence.certificates.get(tx) as unknown as { digest: string; keys: string[] };

describe("the demo's checks", () => {
  it("report nothing for a correct run", () => {
    const { document, evidence } = story();
    expect(complaintsAbout(document, evidence)).toEqual([]);
  });

  it.each<[string, string, (all: Story) => unknown]>([
    ["a gap between intervals", "S1", (all) => (all.document.params.originBlock = 99)],
    ["a list of intervals that differs", "S1", (all) => Object.assign(all.evidence, { ends: [150] })],
    ["a provider paid twice", "S1", (all) => first(all).items.push({ ...first(all).items[0]! })],
    ["a provider left out", "R27", (all) => first(all).items.pop()],
    ["an end that is not the end of a turn", "R6", (all) => (first(all).te = 131)],
    ["a block before the window", "R29", (all) => (first(all).block = 139)],
    ["a block after the window", "R29", (all) => (first(all).block = 170)],
    ["a leader out of turn", "R5", (all) => (first(all).leader = (first(all).leader + 1) % 4)],
    ["a failed keeper in the first turn", "R7", (all) => first(all).failed.push(0)],
    ["a failed keeper that is paid", "S3", (all) => first(all).failed.push(0)],
    ["a balance above the deposits", "S2", (all) => (all.document.escrow.balance += 1n)],
    ["a credit that was not settled", "S2", (all) => (all.document.escrow.credited += 1n)],
    ["a token with more transfers", "S2", (all) => (all.evidence.tokenIn += 1n)],
    ["a provider that got too much", "R30", (all) => (first(all).items[0]!.toProvider += 1n)],
    ["a cut that does not add up", "R30", (all) => (first(all).keeperCut -= 1n)],
    ["a share for a keeper that is no payee", "S3", (all) => (first(all).shares["2"] = 1n)],
    ["a payee without a share", "S3", (all) => delete first(all).shares["1"]],
    ["an honest provider that is paid for less", "S4", (all) => (first(all).items[1]!.spaceTime -= gib / 2n)],
    ["too few signers", "expected 3", (all) => (first(all).signers = [0, 1])],
    ["a digest of other content", "R27", (all) => (certificate(all).digest = `0x${"00".repeat(32)}`)],
    ["a signature without one of the keys", "R25", (all) => certificate(all).keys.pop()],
    [
      "a missing certificate",
      "no certificate",
      (all) => Object.assign(all.evidence, { certificates: new Map() }),
    ],
  ])("report %s (%s)", (_, rule, spoil) => {
    const all = story();
    spoil(all);
    expect(complaintsAbout(all.document, all.evidence).join("\n")).toContain(rule);
  });

  it("do not expect full pay for a provider that lost data", () => {
    const { document, evidence } = story();
    document.settlements[0]!.items[1]!.spaceTime -= gib / 2n;
    const lossy = new Set([1]);
    expect(complaintsAbout(document, evidence, (provider) => !lossy.has(provider))).toEqual([]);
    expect(complaintsAbout(document, evidence)).toHaveLength(1);
  });

  it("expect the leader's share for the keeper that sent in its place (R25)", () => {
    const all = story();
    const { leader, shares } = first(all);
    const standIn = (leader + 1) % 4;
    Object.assign(all.evidence, { standIns: new Map([[tx, standIn]]) });
    expect(complaintsAbout(all.document, all.evidence)).toHaveLength(2);
    shares[String(standIn)] = 2n * (shares[String(leader)] as bigint);
    delete shares[String(leader)];
    expect(complaintsAbout(all.document, all.evidence)).toEqual([]);
  });
});

describe("the demo's table", () => {
  it("has every amount", () => {
    const table = tableOf(story().document);
    for (const text of [
      "100-140",
      "40960.00",
      "36.000000",
      "3.000000",
      "0 1 3",
      "200000",
      "48 asked, 40 whole, 8 partial",
    ])
      expect(table).toContain(text);
  });
});

const { interval, turn } = devnetRhythm;

function plan(fault: "none" | "leader-crash" | "provider-loss" | "all", settlements = 3) {
  const done: string[] = [];
  const faults = new Faults(
    { fault, settlements, providers: 2, interval, turn, committeeSeed: seed, operators },
    {
      crashKeeper: async (index) => void done.push(`crash ${index}`),
      restartKeeper: async (index) => void done.push(`restart ${index}`),
      damageProvider: async (index) => {
        done.push(`damage ${index}`);
        return "gone";
      },
      say: () => undefined,
    },
  );
  return { faults, done };
}

describe("the demo's faults", () => {
  const victim = leaderOf(turnOrder(200, seed, operators), 1);

  it("fire once, in the second interval, and the killed leader restarts in its own turn", async () => {
    const { faults, done } = plan("all");
    for (let head = 200 - interval; head < 200; head++)
      await faults.strike({ head, settled: 0, ts: 200 - interval });
    expect(done).toEqual([]);
    for (let head = 200; head < 200 + interval; head++) await faults.strike({ head, settled: 1, ts: 200 });
    expect(done).toEqual(["damage 1"]);
    for (let head = 200 + interval; head < 200 + interval + turn; head++)
      await faults.strike({ head, settled: 1, ts: 200 });
    expect(done).toEqual(["damage 1", `crash ${victim}`, `restart ${victim}`]);
  });

  it("fire in the first interval if it is the only one, and never with --fault none", async () => {
    const only = plan("leader-crash", 1);
    const none = plan("none");
    for (let head = 200; head < 200 + interval + turn; head++) {
      await only.faults.strike({ head, settled: 0, ts: 200 });
      await none.faults.strike({ head, settled: 1, ts: 200 });
    }
    expect(only.done).toEqual([`crash ${victim}`, `restart ${victim}`]);
    expect(none.done).toEqual([]);
    expect(none.faults.complaints(story().document)).toEqual([]);
  });

  it("are reported if the chain does not show their result", async () => {
    const { document } = story();
    expect(plan("all").faults.complaints(document)).toEqual([
      "no leader was killed",
      "no provider lost data",
    ]);
    const { faults } = plan("all", 1);
    for (let head = 100; head <= 100 + interval; head++) await faults.strike({ head, settled: 0, ts: 100 });
    const complaints = faults.complaints(document).join("\n");
    for (const text of ["L1", "does not count as failed", "S3", "paid in full"])
      expect(complaints).toContain(text);
  });
});

describe("the demo's last line", () => {
  it("has the proven and the paid share of a provider since it lost data", async () => {
    const { document } = story();
    expect(plan("none").faults.losses(document)).toEqual([]);
    const { faults } = plan("provider-loss", 1);
    // Half of the interval of 40 blocks is over, in slot 2.
    await faults.strike({ head: 125, settled: 0, ts: 100 });
    const item = document.settlements[0]?.items[1];
    if (item === undefined) throw new Error("the story has two items");
    // All in 20 blocks, 69 % in the other 20.
    item.spaceTime = (2n * gib * 20n * 169n) / 100n + 1n;
    const line = "provider 1 lost data: 69 % proven since slot 2, paid 31 % less";
    expect(faults.losses(document)).toEqual([line]);
    expect(tableOf(document, faults.losses(document)).split("\n").at(-1)).toBe(line);
  });
});

describe("the demo's group parameters", () => {
  it("are accepted by the contract (R4), for every committee and number of providers", () => {
    for (const keepers of committeeSizes.map(Number)) {
      for (let providers = 1; keepers * providers <= 40; providers++) {
        expect(brokenConditions(groupParams({ keepers, providers }), keepers)).toEqual([]);
      }
    }
  });
});

describe("the demo's options", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "whitepay-options-"));
    await writeFile(join(folder, "something"), "here");
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([
    [["--keepers", "5"], "4 | 7 | 10"],
    [["--keepers", "10", "--providers", "5"], "at most 40"],
    [["--providers", "0"], "from 1 to 256"],
    [["--providers", "257"], "from 1 to 256"],
    [["--settlements", "0"], "from 1"],
    [["--settlements", "1.5"], "whole number"],
    [["--fault", "flood"], "none | leader-crash | provider-loss | all"],
    [["--keep"], "unknown option"],
    [["--data-dir"], "argument missing"],
    [["more"], "too many arguments"],
  ])("refuse %j with exit 2, saying what is expected", async (args, expected) => {
    const { code, stdout, stderr } = await runCli(["demo", ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(expected);
  });

  it("refuse a data folder that is not empty", async () => {
    const { code, stderr } = await runCli(["demo", "--data-dir", folder]);
    expect(code).toBe(2);
    expect(stderr).toContain("a new or empty folder");
  });
});
