import { describe, expect, it } from "vitest";
import type { ChainRun } from "../support/fleet/chain-run.ts";
import type { HeardPartial } from "../support/fleet/traces.ts";
import { judgeSignatures } from "./judge.ts";
import { honestRun } from "./rules/honest-run.ts";
import { complaintsAbout } from "./rules/index.ts";

type Draft<T> = T extends object ? { -readonly [K in keyof T]: Draft<T[K]> } : T;
type Fault = (run: Draft<ChainRun>) => void;

const honest = honestRun();

/** The complaints about the honest run with one change. */
function complaintsAfter(fault: Fault): string {
  const run = structuredClone(honest) as Draft<ChainRun>;
  fault(run);
  return complaintsAbout(run).join("\n");
}

const certificate = (run: Draft<ChainRun>, i = 0): Draft<ChainRun["certificates"][number]> =>
  run.certificates[i]!;
const group = (run: Draft<ChainRun>, i = 0): Draft<ChainRun["groups"][number]> => run.groups[i]!;
const settlement = (run: Draft<ChainRun>, i = 0): Draft<ChainRun["groups"][number]["settlements"][number]> =>
  group(run).settlements[i]!;

const faults: readonly (readonly [string, Fault, RegExp])[] = [
  [
    "an interval that leaves a gap",
    (run) => (certificate(run, 1).ts = 150),
    /starts at block 150, expected 140/,
  ],
  [
    "an interval that is not the first",
    (run) => run.certificates.shift(),
    /starts at block 140, expected 100/,
  ],
  [
    "a committee that certified further",
    (run) => (run.certifiedThrough = 250),
    /through block 250, expected 210/,
  ],
  ["an end that ends no turn", (run) => (certificate(run).te = 141), /the end of no turn/],
  [
    "a certificate before its turn",
    (run) => (certificate(run).block = 139),
    /accepted in block 139, expected 140/,
  ],
  ["a certificate after its turn", (run) => (certificate(run).block = 170), /expected 140 to 169/],
  ["another leader", (run) => (certificate(run).leader ^= 1), /led by keeper \d, expected \d/],
  [
    "a failed keeper that did not fail",
    (run) => (certificate(run).failed = 1n),
    /failed keepers are 0, expected none/,
  ],
  [
    "a failed keeper that is not named",
    (run) => (certificate(run, 1).failed = 0n),
    /failed keepers are none/,
  ],
  ["a failed payee", (run) => (certificate(run, 1).payees = 15n), /failed and are payees/],
  [
    "a payee outside the committee",
    (run) => (certificate(run).payees = 31n),
    /payees 4 are not in the committee/,
  ],
  ["too few signers", (run) => (certificate(run).signers = 3n), /signed by keepers 0, 1, expected 3 of them/],
  ["another version", (run) => (certificate(run).version = 2), /signed by version 2/],
  [
    "a signature of another digest",
    (run) => (certificate(run).groups = certificate(run, 1).groups),
    /aggregate signature/,
  ],
  ["a signer that did not sign", (run) => (certificate(run).signers = 11n), /aggregate signature/],
  [
    "a member that sends too early",
    (run) => (certificate(run).from = run.members[(certificate(run).leader + 1) % 4]!.operator),
    /before block 160/,
  ],
  [
    "an outsider that certifies",
    (run) => (certificate(run, 1).from = `0x${"99".repeat(20)}`),
    /which is no member/,
  ],
  ["a group that is left out", (run) => (group(run, 1).entered = 90), /starts at block 100, expected 90/],
  [
    "a group without data in scope",
    (run) => (group(run).providers[0]!.data[0]!.bytes = 0n),
    /names 2 groups, expected 1: 2/,
  ],
  [
    "items of another provider",
    (run) => (run.handings[0]!.groups[0]!.items[0]!.provider = 1),
    /has items for 1, expected 0/,
  ],
  [
    "items that were not signed",
    (run) => (run.handings[0]!.groups[0]!.items[0]!.spaceTime = 399n),
    /the root of the groups is/,
  ],
  [
    "a group at another address",
    (run) => (run.handings[0]!.groups[1]!.group = `0x${"99".repeat(20)}`),
    /group 2: is at 0x99/,
  ],
  [
    "a group that was not handed in",
    (run) => run.handings[0]!.groups.pop(),
    /groups 1 were handed in, expected 1, 2/,
  ],
  ["a group that is not settled", (run) => group(run).settlements.pop(), /settled 0 times through block 210/],
  ["a refused settlement", (run) => run.refusals.push("group 0x22"), /refused its settlement/],
  ["a block that is paid for twice", (run) => (settlement(run, 1).from = 139), /S1: blocks from 139 to 140/],
  [
    "blocks that nobody settles",
    (run) => (settlement(run, 1).from = 141),
    /S1: blocks 140 to 141 of provider 0/,
  ],
  [
    "a group that is settled further",
    (run) => (group(run).settledThrough = 211),
    /S1: settled through block 211/,
  ],
  ["a settlement without a certificate", (run) => (settlement(run).tx = "0x0"), /there is no certificate/],
  [
    "a unit too much for a provider",
    (run) => settlement(run).providers[0]!.amount++,
    /provider 0 got 361, expected 360/,
  ],
  [
    "space-time that was not signed",
    (run) => settlement(run).providers[0]!.spaceTime--,
    /paid for 399 byte·blocks, expected 400/,
  ],
  ["a unit too much for the keepers", (run) => settlement(run).cut++, /the keepers' part is 41, expected 40/],
  ["a fee of other blocks", (run) => settlement(run).fee++, /the keepers' fee is 9, expected 8/],
  ["a share of all when one failed", (run) => (settlement(run, 1).divisor = 4), /shares are 4, expected 3/],
  [
    "a share for a failed keeper",
    (run) => (settlement(run, 1).unpaid = 0n),
    /S3: keepers \d are paid, but are no payees/,
  ],
  ["a keeper's balance without a share", (run) => group(run).keeperBalances[0]!++, /S3: balance of keeper 0/],
  [
    "a provider's credit that no event names",
    (run) => group(run).providers[0]!.account.credit++,
    /S2: credit of provider 0/,
  ],
  ["arrears", (run) => group(run).providers[0]!.account.arrears++, /R32: arrears of provider 0/],
  ["a deposit that did not arrive", (run) => group(run).token.in--, /S2: transfers to the group/],
  ["money that left unbooked", (run) => group(run).token.out++, /S2: transfers from the group/],
  ["a token balance that is short", (run) => group(run).token.balance--, /S2: balance of the token/],
  ["money available that was credited", (run) => group(run).escrow.available++, /S2: available/],
];

describe("the judge of the chain (S1 to S4)", () => {
  it("accepts a run that keeps every rule", () => {
    expect(complaintsAbout(honest)).toEqual([]);
  });

  it.each(faults)("reports %s", (_name, fault, words) => {
    expect(complaintsAfter(fault)).toMatch(words);
  });

  it("reports an honest provider that is paid for less than it committed (S4), and no other", () => {
    const run = structuredClone(honest) as Draft<ChainRun>;
    run.groups[0]!.providers[0]!.data[0]!.bytes = 11n;
    expect(complaintsAbout(run).join()).toMatch(
      /S4: provider 0 held all data: expected 440 byte·blocks, actual 400/,
    );
    expect(complaintsAbout(run, () => false).join()).not.toContain("S4");
  });
});

function partial(keeper: number, turn: number, digest: string, committee = 1): HeardPartial {
  return { committee: `0x${committee}`, keeper, ts: 10, turn, digest, bytes: new Uint8Array() };
}

describe("the judge of signatures (S5)", () => {
  it("accepts a repeated message, and two digests in two turns or two committees", () => {
    const said = [partial(1, 1, "0xaa"), partial(1, 1, "0xaa"), partial(1, 2, "0xbb"), partial(2, 1, "0xcc")];
    expect(() => judgeSignatures([...said, partial(1, 1, "0xdd", 2)])).not.toThrow();
  });

  it("reports two digests of one keeper in one turn, and a run without signatures", () => {
    expect(() => judgeSignatures([partial(1, 1, "0xaa"), partial(1, 1, "0xbb")])).toThrow(
      /keeper 1, ts 10, turn 1/,
    );
    expect(() => judgeSignatures([])).toThrow(/greater than 0/);
  });
});
