/** Tables of gas in docs/figures: written with WHITEPAY_WRITE_GAS=1, else compared with what was measured. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { concat, keccak256, toUtf8Bytes, Wallet, type Signer } from "ethers";
import { bitmap } from "../../../protocol/bitmap.ts";
import { projectRoot } from "../../../scripts/paths.ts";
import { deployContract, send } from "./chain.ts";
import { range } from "./basics.ts";

/** Gas of one settlement of one group that is signed by 2f+1 ECDSA signatures, with all slots written before. */
export async function ecdsaReference(from: Signer, n: number): Promise<number> {
  const digest = keccak256(toUtf8Bytes("settlement"));
  const signing = range((2 * (n - 1)) / 3 + 1);
  const wallets = range(n).map((i) => new Wallet(keccak256(toUtf8Bytes(`ecdsa ${i}`))));
  const contract = await deployContract("EcdsaReference", from, [wallets.map(({ address }) => address)]);
  const signatures = concat(signing.map((i) => (wallets[i] as Wallet).signingKey.sign(digest).serialized));
  const args = [digest, 1000n, bitmap(signing), signatures];
  await send(contract, from, "settle", args);
  return Number((await send(contract, from, "settle", args)).gasUsed);
}

/** A row: its name, and a number or nothing for each further column. */
export type Row = readonly [name: string, ...values: (number | undefined)[]];

/** Gas to within a hundredth: the compiler's choices change it a little; a small number is a count. */
const closeTo = (documented: number, measured: number): boolean =>
  measured < 1_000 ? documented === measured : Math.abs(documented - measured) / measured < 0.01;

/** How a table of a page in docs/figures, found by its first line, differs from what was measured. */
export function differences(page: string, header: string, rows: readonly Row[]): string[] {
  const file = join(projectRoot, "docs/figures", page);
  const text = readFileSync(file, "utf8");
  const cell = (value: number | undefined): string => value?.toLocaleString("en-US") ?? "–";
  const lines = rows.map(([name, ...values]) => `| ${[name, ...values.map(cell)].join(" | ")} |`);
  console.log([header, ...lines].join("\n"));
  const start = text.indexOf(`${header}\n`);
  if (start < 0) return [`docs/figures/${page}: expected a table that begins with ${header}, actual none`];
  const end = text.indexOf("\n\n", start);
  if (process.env["WHITEPAY_WRITE_GAS"] === "1") {
    const rule = `|---|${"---:|".repeat(header.split("|").length - 3)}`;
    writeFileSync(file, text.slice(0, start) + [header, rule, ...lines].join("\n") + text.slice(end));
    return [];
  }
  const documented = text
    .slice(start, end)
    .split("\n")
    .slice(2)
    .map((line) => line.split("|").slice(1, -1));
  const found: string[] = [];
  if (documented.length !== rows.length)
    found.push(`expected ${rows.length} rows, actual ${documented.length} in the table`);
  for (const [i, [name, ...values]] of rows.entries()) {
    const [said, ...cells] = (documented[i] ?? []).map((text) => text.trim());
    if (said !== name) found.push(`expected the row ${name}, actual ${said ?? "none"}`);
    for (const [column, value] of values.entries()) {
      const shown = cells[column] ?? "";
      const same = value === undefined ? shown === "–" : closeTo(Number(shown.replaceAll(",", "")), value);
      if (!same) found.push(`${name}: ${shown} in the table, ${value ?? "nothing"} measured`);
    }
  }
  return found;
}
