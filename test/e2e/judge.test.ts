/** The judge of demos accepts a document that follows from the rules, and refuses it after any change. */
import { describe, expect, it } from "vitest";
import { complaintsAbout } from "../../scripts/demo/check.ts";
import { address, laterTx, story, tx } from "../support/demo-story.ts";
import { expectMoney, expectShape, expectTurns, parseDocument } from "./judge.ts";

// What a change breaks is said where it is made.
// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;

function printed(document: object): string {
  const text = JSON.stringify(document, (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
  return `${text}\n`;
}

function judge(stdout: string, groups = 2): void {
  const document = parseDocument(stdout);
  expectShape(document, { keepers: 4, providers: 2, groups });
  expectMoney(document);
  expectTurns(document);
}

const correct = (): Loose => JSON.parse(printed({ ...story().document, ok: true }));
const plus = (text: string, more: bigint): string => String(BigInt(text) + more);

describe("the judge of demos", () => {
  it("accepts a correct document", () => {
    expect(() => judge(printed(correct()))).not.toThrow();
  });

  // `--groups` is at most 32. The last five groups are settled by a second transaction (R41).
  it("accepts a document of 32 groups, whose chain data satisfies the demo's own checks", () => {
    const { document, evidence } = story(32);
    expect(complaintsAbout(document, evidence)).toEqual([]);
    const text = printed({ ...document, ok: true });
    expect(() => judge(text, 32)).not.toThrow();
    const { rounds, groups }: Loose = JSON.parse(text);
    expect(groups).toHaveLength(32);
    expect(rounds[0].txs).toEqual([tx, laterTx]);
    expect(groups[31].settlements[0].tx).toBe(laterTx);
  });

  it.each<[string, (document: Loose) => unknown]>([
    ["a group less", (all) => all.groups.pop()],
    ["one group twice", (all) => (all.groups[31] = all.groups[30])],
    ["the last group with another address", (all) => (all.groups[31].address = address(5))],
    ["a group that the certificate leaves out", (all) => all.rounds[0].groups.pop()],
    ["a transaction less", (all) => all.rounds[0].txs.pop()],
    ["the certificate's transaction at the second place", (all) => all.rounds[0].txs.reverse()],
    ["the last group with another share", (all) => (all.groups[31].settlements[0].shares["3"] = "0")],
  ])("refuses a document of 32 groups with %s", (_, spoil) => {
    const document: Loose = JSON.parse(printed({ ...story(32).document, ok: true }));
    spoil(document);
    expect(() => judge(printed(document), 32)).toThrow();
  });

  it.each<[string, (document: Loose) => unknown]>([
    ["a run that does not hold", (all) => (all.ok = false)],
    ["a member that nobody asked for", (all) => (all.group = address(1))],
    ["a missing member", (all) => delete all.groups[0].settlements[0].keeperFee],
    ["an amount as a number", (all) => (all.groups[0].escrow.withdrawn = 0)],
    ["an address in lower case", (all) => (all.groups[0].payer = address(0xabc).toLowerCase())],
    ["two groups of one payer", (all) => (all.groups[1].payer = all.groups[0].payer)],
    ["a group too few", (all) => all.groups.pop()],
    ["challenges that do not add up", (all) => (all.challenges.asked += 1)],
    ["an amount of another price", (all) => (all.groups[1].providers[1].price = "1")],
    [
      "a provider that gets the keepers' cut, too",
      (all) =>
        (all.groups[1].settlements[0].items[0].toProvider = all.groups[1].settlements[0].items[0].amount),
    ],
    [
      "a cut that is one unit too high",
      (all) => (all.groups[0].settlements[0].keeperCut = plus(all.groups[0].settlements[0].keeperCut, 1n)),
    ],
    [
      "a fee that is one unit too low",
      (all) => (all.groups[0].settlements[0].keeperFee = plus(all.groups[0].settlements[0].keeperFee, -1n)),
    ],
    [
      "a share that is one unit too high",
      (all) =>
        (all.groups[1].settlements[0].shares["2"] = plus(all.groups[1].settlements[0].shares["2"], 1n)),
    ],
    ["a payee without a share", (all) => delete all.groups[1].settlements[0].shares["0"]],
    ["a share of no payee", (all) => all.rounds[0].payees.pop()],
    [
      "a credit that no settlement gave",
      (all) => (all.groups[1].escrow.credited = plus(all.groups[1].escrow.credited, 1n)),
    ],
    ["money that left", (all) => (all.groups[0].escrow.balance = plus(all.groups[0].escrow.balance, -1n))],
    ["a leader out of turn", (all) => (all.rounds[0].leader = (all.rounds[0].leader + 1) % 4)],
    ["a failed keeper in the first turn", (all) => all.rounds[0].failed.push(0)],
    ["a certificate before its window", (all) => (all.rounds[0].block = 139)],
    ["a certificate after its window", (all) => (all.rounds[0].block = 170)],
    ["an end within a turn", (all) => (all.rounds[0].te = 141)],
    ["a start within a slot", (all) => (all.committee.params.originBlock = 95)],
    ["too few signers", (all) => all.rounds[0].signers.pop()],
    ["one signer twice", (all) => (all.rounds[0].signers = [0, 1, 1])],
    ["a group that the certificate leaves out", (all) => all.rounds[0].groups.pop()],
    ["a settlement of other blocks", (all) => (all.groups[0].settlements[0].ts = 110)],
    [
      "a settlement of a transaction that is not of the round",
      (all) => (all.rounds[0].txs = [`0x${"cd".repeat(32)}`]),
    ],
    ["a provider left out", (all) => all.groups[0].settlements[0].items.pop()],
    ["a provider that proves more than it has", (all) => (all.groups[0].providers[1].bytes = "1")],
  ])("refuses %s", (_, spoil) => {
    const document = correct();
    spoil(document);
    expect(() => judge(printed(document))).toThrow();
  });

  it("refuses a second line of output", () => {
    expect(() => judge(`${printed(correct())}done\n`)).toThrow();
  });
});
