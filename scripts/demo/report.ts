/** The demo's result as a table. */
import Table from "cli-table3";
import { formatUnits } from "ethers";
import type { DemoDocument, SettlementEntry } from "./document.ts";

const tokenDecimals = 18;
const shownDecimals = 6;

/** Token units as whole tokens, cut (not rounded) to six decimals. */
function tokens(units: bigint): string {
  const [whole, fraction = ""] = formatUnits(units, tokenDecimals).split(".");
  return `${whole}.${fraction.padEnd(shownDecimals, "0").slice(0, shownDecimals)}`;
}

/** Byte·blocks as MiB·blocks. */
function mebibyteBlocks(spaceTime: bigint): string {
  const hundredths = (spaceTime * 100n) / 2n ** 20n;
  return `${hundredths / 100n}.${String(hundredths % 100n).padStart(2, "0")}`;
}

function list(indices: readonly number[]): string {
  return indices.length === 0 ? "-" : indices.join(" ");
}

function row(settlement: SettlementEntry, i: number): string[] {
  const { ts, te, turn, leader, failed, items, shares, signers, gasUsed } = settlement;
  return [
    `${i + 1}`,
    `${ts}-${te}`,
    `${turn}`,
    `${leader}`,
    list(failed),
    items.map((item) => `${item.provider}`).join("\n"),
    items.map((item) => mebibyteBlocks(item.spaceTime)).join("\n"),
    items.map((item) => tokens(item.amount)).join("\n"),
    items.map((item) => tokens(item.toProvider)).join("\n"),
    Object.entries(shares)
      .map(([keeper, share]) => `${keeper}: ${tokens(share)}`)
      .join("\n"),
    list(signers),
    `${gasUsed}`,
  ];
}

const head = [
  "interval",
  "blocks",
  "turn",
  "leader",
  "failed",
  "provider",
  "MiB·blocks",
  "amount",
  "to provider",
  "keeper shares",
  "signers",
  "gas",
];

/**
 * All settlements and balances as plain text.
 * @param losses a line for each provider that lost data
 */
export function tableOf(document: DemoDocument, losses: readonly string[] = []): string {
  const table = new Table({ head, style: { head: [], border: [] } });
  document.settlements.forEach((settlement, i) => table.push(row(settlement, i)));
  const { deposited, balance, withdrawn, credited } = document.escrow;
  const { asked, whole, partial, failed } = document.challenges;
  return [
    table.toString(),
    `escrow (tokens): deposited ${tokens(deposited)} = balance ${tokens(balance)} + withdrawn ${tokens(withdrawn)}; of the balance ${tokens(credited)} is credited to providers and keepers`,
    `challenges: ${asked} asked, ${whole} whole, ${partial} partial, ${failed} failed`,
    ...losses,
  ].join("\n");
}
