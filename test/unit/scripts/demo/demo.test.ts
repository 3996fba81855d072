import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { committeeSizes } from "../../../../scripts/demo/command.ts";
import {
  complaintsAbout,
  type CertificateEvidence,
  type GroupEvidence,
} from "../../../../scripts/demo/check.ts";
import type { DemoDocument } from "../../../../scripts/demo/document.ts";
import { Faults } from "../../../../scripts/demo/faults.ts";
import { tableOf } from "../../../../scripts/demo/report.ts";
import { fleetParams } from "../../../../scripts/fleet/setup.ts";
import { devnetRhythm } from "../../../../cli/chain/presets.ts";
import { leaderOf, turnOrder } from "../../../../protocol/turns.ts";
import { runCli } from "../../../support/cli.ts";
import {
  address,
  gib,
  groups,
  millionth,
  operators,
  price,
  seed,
  story,
  tx,
} from "../../../support/demo-story.ts";
import { brokenConditions } from "../../../support/rhythm.ts";

type Story = ReturnType<typeof story>;
/** What a test changes. */
type Open<T> = { -readonly [K in keyof T]: T[K] };
const round = ({ document }: Story): DemoDocument["rounds"][number] => document.rounds[0]!;
const second = ({ document }: Story): DemoDocument["groups"][number] => document.groups[1]!;
const settled = (all: Story): DemoDocument["groups"][number]["settlements"][number] =>
  second(all).settlements[0]!;
const certificate = ({ evidence }: Story): Open<CertificateEvidence> & { keys: string[] } =>
  evidence.certificates.get(tx) as Open<CertificateEvidence> & { keys: string[] };
const seen = ({ evidence }: Story): Open<GroupEvidence> =>
  evidence.groups.get(groups[1] as string) as Open<GroupEvidence>;

describe("the demo's checks", () => {
  it("report nothing for a correct run", () => {
    const { document, evidence } = story();
    expect(complaintsAbout(document, evidence)).toEqual([]);
  });

  it.each<[string, string, (all: Story) => unknown]>([
    [
      "a first interval that starts within a slot",
      "R8",
      (all) => (all.document.committee.params.originBlock = 99),
    ],
    ["a gap between intervals", "S1", (all) => all.document.rounds.push({ ...round(all), ts: 150 })],
    ["a group that the certificate leaves out", "R38", (all) => round(all).groups.pop()],
    ["a group that settles other blocks", "S1", (all) => (settled(all).te = 130)],
    ["a group whose contract has settled less", "S1", (all) => (seen(all).settledThrough = 100)],
    ["a group without chain data", "no data", (all) => Object.assign(all.evidence, { groups: new Map() })],
    ["a provider paid twice", "S1", (all) => settled(all).items.push({ ...settled(all).items[0]! })],
    ["a provider left out", "R27", (all) => settled(all).items.pop()],
    ["an end that is not the end of a turn", "R6", (all) => (round(all).te = 131)],
    ["a block before the window", "R29", (all) => (round(all).block = 139)],
    ["a block after the window", "R29", (all) => (round(all).block = 170)],
    ["a leader out of turn", "R5", (all) => (round(all).leader = (round(all).leader + 1) % 4)],
    ["a failed keeper in the first turn", "R7", (all) => round(all).failed.push(0)],
    ["a failed keeper that is a payee", "S3", (all) => round(all).failed.push(0)],
    ["a balance above the deposits", "S2", (all) => (second(all).escrow.balance += 1n)],
    ["a credit that was not settled", "S2", (all) => (second(all).escrow.credited += 1n)],
    ["a token with more transfers", "S2", (all) => (seen(all).tokenIn += 1n)],
    ["a payout that nobody withdrew", "S2", (all) => (seen(all).tokenOut += 1n)],
    [
      "a provider that may withdraw more",
      "credit of provider 1",
      (all) => (seen(all).providerCredits = [36n * millionth, 0n]),
    ],
    [
      "a keeper that may withdraw less",
      "balance of keeper 3",
      (all) => (seen(all).keeperBalances = seen(all).keeperBalances.with(3, 0n)),
    ],
    ["an amount of another price", "R30", (all) => (second(all).providers[0]!.price += price)],
    ["an amount that is too high", "R30", (all) => (second(all).settlements[0]!.items[0]!.amount *= 2n)],
    ["a provider that got too much", "R30", (all) => (settled(all).items[0]!.toProvider += 1n)],
    ["a cut that does not add up", "R30", (all) => (settled(all).keeperCut -= 1n)],
    ["a fee for more providers than are reserved", "R30", (all) => (seen(all).reserved = 1)],
    ["a fee that does not fit the blocks", "R30", (all) => (settled(all).keeperFee += 1n)],
    ["a share for a keeper that is no payee", "S3", (all) => round(all).payees.pop()],
    ["a payee without a share", "S3", (all) => delete settled(all).shares["1"]],
    [
      "an honest provider that is paid for less",
      "S4",
      (all) => (settled(all).items[1]!.spaceTime -= gib / 2n),
    ],
    ["too few signers", "expected 3", (all) => (round(all).signers = [0, 1])],
    ["a signature over another committee", "R25", (all) => (all.document.committee.address = address(9))],
    ["a signature of another version", "R25", (all) => (certificate(all).version = 2)],
    ["a signature without one of the keys", "R25", (all) => certificate(all).keys.pop()],
    ["items that are not those of the root", "R27", (all) => (certificate(all).groups = [])],
    ["fewer groups than were certified", "R29", (all) => (certificate(all).count = 3)],
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
    const all = story();
    const lossy = new Set([1]);
    (seen(all).committed.get(100) as Map<number, bigint>).set(1, 90n * gib);
    expect(complaintsAbout(all.document, all.evidence, (provider) => !lossy.has(provider))).toEqual([]);
    expect(complaintsAbout(all.document, all.evidence)).toHaveLength(1);
  });

  it("expect the leader's share for the keeper that settled in its place (R25)", () => {
    const all = story();
    const { leader } = round(all);
    const { shares } = settled(all);
    const standIn = (leader + 1) % 4;
    const share = shares[String(leader)] as bigint;
    Object.assign(seen(all), {
      standIns: new Map([[100, standIn]]),
      keeperBalances: seen(all)
        .keeperBalances.with(leader, 0n)
        .with(standIn, 2n * share),
    });
    expect(complaintsAbout(all.document, all.evidence)).toHaveLength(4);
    shares[String(standIn)] = 2n * share;
    delete shares[String(leader)];
    expect(complaintsAbout(all.document, all.evidence)).toEqual([]);
  });
});

describe("the demo's table", () => {
  it("has every amount, and what the interval cost each group", () => {
    const table = tableOf(story().document);
    for (const text of [
      "100-140",
      "40960.00",
      "36.000000",
      "5.500000",
      "0 1 3",
      "200000",
      "100000",
      "gas per group",
      `group 1 of payer ${address(61)}`,
      "deposited 0.001000 tokens",
      "130.000000 millionths are credited",
      "96 asked, 80 whole, 16 partial",
    ])
      expect(table).toContain(text);
  });

  it("rounds the gas of a group up", () => {
    const { document } = story();
    document.rounds[0]!.gasUsed = 200_001;
    expect(tableOf(document)).toContain("100001");
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
    // All in 20 blocks; in the other 20 blocks 69 % of the first group's bytes, and nothing of the second group's.
    document.groups[0]!.settlements[0]!.items[1]!.spaceTime = (2n * gib * 20n * 169n) / 100n + 1n;
    document.groups[1]!.settlements[0]!.items[1]!.spaceTime = 2n * gib * 20n;
    const lines = [
      "provider 1 of group 0 lost data: 69 % proven since slot 3, paid 31 % less",
      "provider 1 of group 1 lost data: 0 % proven since slot 3, paid 100 % less",
    ];
    expect(faults.losses(document)).toEqual(lines);
    expect(tableOf(document, lines).split("\n").slice(-2)).toEqual(lines);
    document.groups.pop();
    expect(faults.losses(document)).toEqual([lines[0]?.replace(" of group 0", "")]);
  });
});

describe("a fleet's parameters", () => {
  it("are accepted by the contract (R4), for every committee", () => {
    for (const keepers of committeeSizes.map(Number))
      expect(brokenConditions(fleetParams(keepers), keepers)).toEqual([]);
  });

  it("follow a change of the rhythm", () => {
    const changed = fleetParams(7, { interval: 80, price: 1n });
    expect(changed).toMatchObject({ interval: 80, price: 1n, lockup: 80 + 3 * 30 });
    expect(brokenConditions(changed, 7)).toEqual([]);
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
    [["--groups", "0"], "from 1 to 32"],
    [["--groups", "33"], "from 1 to 32"],
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
