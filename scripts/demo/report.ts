/** The demo's result as a table. */
import Table from "cli-table3";
import { formatUnits } from "ethers";
import { counted } from "../../protocol/counted.ts";
import type { DemoDocument, GroupEntry, RoundEntry, SettlementEntry } from "./document.ts";

const tokenDecimals = 18;
const shownDecimals = 6;

/** An amount cut (not rounded) to six decimals. */
function shown(units: bigint, decimals: number): string {
  const [whole, fraction = ""] = formatUnits(units, decimals).split(".");
  return `${whole}.${fraction.padEnd(shownDecimals, "0").slice(0, shownDecimals)}`;
}

const tokens = (units: bigint): string => shown(units, tokenDecimals);
/** A few megabytes for a minute earn millionths of a token, even at a high price. */
const millionths = (units: bigint): string => shown(units, tokenDecimals - 6);

/** Byte·blocks as MiB·blocks. */
function mebibyteBlocks(spaceTime: bigint): string {
  const hundredths = (spaceTime * 100n) / 2n ** 20n;
  return `${hundredths / 100n}.${String(hundredths % 100n).padStart(2, "0")}`;
}

function list(indices: readonly number[]): string {
  return indices.length === 0 ? "-" : indices.join(" ");
}

/** What each settled group costs: the gas of all transactions divided by the number of groups, rounded up. */
function gasPerGroup({ gasUsed, groups }: RoundEntry): number {
  return Math.ceil(gasUsed / Math.max(1, groups.length));
}

type Cell = string | { readonly content: string; readonly rowSpan: number };

/** One row for each group; the cells of the round span them all. */
function rowsOf(round: RoundEntry, i: number, groups: readonly GroupEntry[]): Cell[][] {
  const { ts, te, turn, leader, failed, signers, gasUsed } = round;
  const settled = groups
    .map(({ settlements }, group) => [group, settlements.find(({ tx }) => round.txs.includes(tx))] as const)
    .filter((entry): entry is readonly [number, SettlementEntry] => entry[1] !== undefined);
  const whole = (content: string): Cell => ({ content, rowSpan: Math.max(1, settled.length) });
  const left = [`${i + 1}`, `${ts}-${te}`, `${turn}`, `${leader}`, list(failed), list(signers)].map(whole);
  const right = [`${gasUsed}`, `${gasPerGroup(round)}`].map(whole);
  return settled.map(([group, { items, shares }], row) => [
    ...(row === 0 ? left : []),
    `${group}`,
    items.map((item) => `${item.provider}`).join("\n"),
    items.map((item) => mebibyteBlocks(item.spaceTime)).join("\n"),
    items.map((item) => millionths(item.amount)).join("\n"),
    items.map((item) => millionths(item.toProvider)).join("\n"),
    Object.entries(shares)
      .map(([keeper, share]) => `${keeper}: ${millionths(share)}`)
      .join("\n"),
    ...(row === 0 ? right : []),
  ]);
}

const head = [
  "interval",
  "blocks",
  "turn",
  "leader",
  "failed",
  "signers",
  "group",
  "provider",
  "MiB·blocks",
  "amount",
  "to provider",
  "keeper shares",
  "gas",
  "gas per group",
];

function escrowLine({ payer, escrow }: GroupEntry, group: number): string {
  const { deposited, balance, withdrawn, credited } = escrow;
  const money = `deposited ${tokens(deposited)} tokens = balance ${tokens(balance)} + withdrawn ${tokens(withdrawn)}`;
  return `group ${group} of payer ${payer}: ${money}; of the balance ${millionths(credited)} millionths are credited to providers and keepers`;
}

/**
 * All settlements and balances as plain text.
 * @param losses a line for each provider that lost data
 */
export function tableOf(
  { rounds, groups, challenges }: DemoDocument,
  losses: readonly string[] = [],
): string {
  const table = new Table({ head, style: { head: [], border: [] } });
  rounds.forEach((round, i) => table.push(...rowsOf(round, i, groups)));
  const { asked, whole, partial, failed } = challenges;
  return [
    table.toString(),
    `${counted(groups.length, "group")}; amounts in millionths of a token`,
    ...groups.map(escrowLine),
    `challenges: ${asked} asked, ${whole} whole, ${partial} partial, ${failed} failed`,
    ...losses,
  ].join("\n");
}
