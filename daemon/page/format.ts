/** Formats numbers, amounts and times for the page. */

const binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** Bytes with a binary unit and three digits. */
export function bytes(value: number | bigint | string): string {
  let amount = Number(value);
  let unit = 0;
  while (amount >= 1024 && unit < binary.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${unit === 0 || amount >= 100 ? Math.round(amount) : amount.toPrecision(3)} ${binary[unit]}`;
}

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function whole(value: number | bigint): string {
  return grouped.format(value);
}

/** "1 provider", "2 providers". */
export function counted(count: number, noun: string): string {
  return `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Whether no bytes were proven and no money was owed before. A payment that becomes arrears for lack of money is not empty (R32). */
export function isEmptyPayment(
  items: readonly { readonly spaceTime: string; readonly amount: string }[],
): boolean {
  return items.every(({ spaceTime, amount: units }) => BigInt(spaceTime) === 0n && BigInt(units) === 0n);
}

const raised = "⁰¹²³⁴⁵⁶⁷⁸⁹";
/** After more zeros than this an amount is written with a power of ten. */
const maxZeros = 8;

function withPoint(integer: string, fraction: string): string {
  const cut = fraction.replace(/0+$/, "");
  return cut === "" ? integer : `${integer}.${cut}`;
}

/**
 * An amount in units of 10^−decimals, cut to `digits` significant digits; the integer part is always complete. `exactAmount` cuts nothing.
 */
export function amount(units: bigint | string, decimals: number | null, digits = 4): string {
  const [integer = "0", fraction = ""] = exactAmount(units, decimals).split(".");
  if (integer !== "0") {
    return withPoint(whole(BigInt(integer)), fraction.slice(0, Math.max(0, digits - integer.length)));
  }
  const zeros = fraction.search(/[1-9]/);
  if (zeros < 0) return "0";
  const shown = fraction.slice(zeros, zeros + digits);
  if (zeros <= maxZeros) return withPoint("0", fraction.slice(0, zeros) + shown);
  const power = [...String(zeros + 1)].map((digit) => raised[Number(digit)]).join("");
  return `${withPoint(shown.slice(0, 1), shown.slice(1))} × 10⁻${power}`;
}

/** All digits of an amount. */
export function exactAmount(units: bigint | string, decimals: number | null): string {
  const text = BigInt(units).toString();
  if (decimals === null || decimals === 0) return text;
  const padded = text.padStart(decimals + 1, "0");
  const fraction = padded.slice(-decimals).replace(/0+$/, "");
  return `${padded.slice(0, -decimals)}${fraction === "" ? "" : `.${fraction}`}`;
}

/** Decimals of the chain's coin. */
const coinDecimals = 18;

/** "1 coin", "0.5 coins". */
export function coins(units: bigint | string, write: typeof exactAmount = amount): string {
  const text = write(units, coinDecimals);
  return `${text} ${text === "1" ? "coin" : "coins"}`;
}

const spans = [
  [86_400 * 365, "years"],
  [86_400, "days"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
] as const;

/** A length of time in the largest unit that gives 2 or more. */
export function span(seconds: number): string {
  const [size, unit] = spans.find(([unit_s]) => seconds >= unit_s * 2) ?? [1, "s"];
  return `${whole(Math.round(seconds / size))} ${unit}`;
}

export function shortHex(hex: string): string {
  return hex.length <= 14 ? hex : `${hex.slice(0, 8)}…${hex.slice(-4)}`;
}

/** One decimal, rounded down, so that only a whole reads 100 %. */
export function percent(part: bigint, all: bigint): string {
  if (all === 0n) return "–";
  const tenths = Number((part * 1_000n) / all);
  if (tenths === 0 && part > 0n) return "< 0.1 %";
  return `${(tenths / 10).toFixed(tenths % 1_000 === 0 ? 0 : 1)} %`;
}

/** Share of the committed bytes that was proven. */
export function provenShare(share: {
  readonly bytesProven: string;
  readonly bytesCommitted: string;
}): string {
  return percent(BigInt(share.bytesProven), BigInt(share.bytesCommitted));
}

export function blocks(count: number, block_s: number | null): string {
  const text = counted(count, "block");
  return block_s === null ? text : `${text} (${span(count * block_s)})`;
}

const dayAndTime = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const dayOfYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const halfYear_s = 182 * 86_400;
/** The end of the year 9999. */
const lastDate_s = 253_402_300_799;

/** Local time; a date more than half a year away has its year in place of the time. */
export function dateOf(time_s: number, now_s: number = Date.now() / 1000): string {
  if (time_s > lastDate_s) return "after the year 9999";
  const isNear = Math.abs(time_s - now_s) < halfYear_s;
  return (isNear ? dayAndTime : dayOfYear).format(new Date(time_s * 1000));
}

/** The estimated date of a past or future block, from the mean time of a block. */
export function dateOfBlock(
  block: number,
  { head, headTime_s, block_s }: { head: number; headTime_s: number | null; block_s: number | null },
): string | undefined {
  if (headTime_s === null || block_s === null) return undefined;
  return dateOf(headTime_s + (block - head) * block_s);
}

/** Time since a block. The age of the head is added, since no later block is known. */
export function ago(block: number, head: number, block_s: number | null, headAge_s = 0): string {
  if (block_s === null || head < block) return `block ${whole(block)}`;
  return `${span((head - block) * block_s + headAge_s)} ago`;
}
