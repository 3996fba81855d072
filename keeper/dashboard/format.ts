/** Numbers, amounts and times in words for people. */

const binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** Bytes with a binary unit, three digits. */
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

/** Nothing was proven in its blocks, and nothing was owed before. What is owed for lack of money is no empty payment (R32). */
export function isEmptyPayment(
  items: readonly { readonly spaceTime: string; readonly amount: string }[],
): boolean {
  return items.every(({ spaceTime, amount: units }) => BigInt(spaceTime) === 0n && BigInt(units) === 0n);
}

const raised = "⁰¹²³⁴⁵⁶⁷⁸⁹";
/** More zeros than these behind the point are counted rather than read. */
const mostZeros = 8;

function withPoint(integer: string, fraction: string): string {
  const cut = fraction.replace(/0+$/, "");
  return cut === "" ? integer : `${integer}.${cut}`;
}

/**
 * An amount in units of 10^−decimals, cut to `digits` significant digits; all digits before the point are shown. Exact in
 * `exactAmount`.
 */
export function amount(units: bigint | string, decimals: number | null, digits = 4): string {
  const [integer = "0", fraction = ""] = exactAmount(units, decimals).split(".");
  if (integer !== "0") {
    return withPoint(whole(BigInt(integer)), fraction.slice(0, Math.max(0, digits - integer.length)));
  }
  const zeros = fraction.search(/[1-9]/);
  if (zeros < 0) return "0";
  const shown = fraction.slice(zeros, zeros + digits);
  if (zeros <= mostZeros) return withPoint("0", fraction.slice(0, zeros) + shown);
  const power = [...String(zeros + 1)].map((digit) => raised[Number(digit)]).join("");
  return `${withPoint(shown.slice(0, 1), shown.slice(1))} × 10⁻${power}`;
}

/** To the last unit. */
export function exactAmount(units: bigint | string, decimals: number | null): string {
  const text = BigInt(units).toString();
  if (decimals === null || decimals === 0) return text;
  const padded = text.padStart(decimals + 1, "0");
  const fraction = padded.slice(-decimals).replace(/0+$/, "");
  return `${padded.slice(0, -decimals)}${fraction === "" ? "" : `.${fraction}`}`;
}

const spans = [
  [86_400 * 365, "years"],
  [86_400, "days"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
] as const;

/** A span of time in its largest fitting unit. */
export function span(seconds: number): string {
  const [size, unit] = spans.find(([unit_s]) => seconds >= unit_s * 2) ?? [1, "s"];
  return `${whole(Math.round(seconds / size))} ${unit}`;
}

export function shortHex(hex: string): string {
  return hex.length <= 14 ? hex : `${hex.slice(0, 8)}…${hex.slice(-4)}`;
}

/** With one decimal, rounded down: only what is whole reads as 100 %. */
export function percent(part: bigint, all: bigint): string {
  if (all === 0n) return "–";
  const tenths = Number((part * 1_000n) / all);
  if (tenths === 0 && part > 0n) return "< 0.1 %";
  return `${(tenths / 10).toFixed(tenths % 1_000 === 0 ? 0 : 1)} %`;
}

export function blocks(count: number, block_s: number | null): string {
  const text = `${whole(count)} block${count === 1 ? "" : "s"}`;
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
/** The end of the year 9999, and of what a date can say. */
const lastDate_s = 253_402_300_799;

/** Local time; far from now the year instead of the hour. */
export function dateOf(time_s: number, now_s: number = Date.now() / 1000): string {
  if (time_s > lastDate_s) return "after the year 9999";
  const isNear = Math.abs(time_s - now_s) < halfYear_s;
  return (isNear ? dayAndTime : dayOfYear).format(new Date(time_s * 1000));
}

/** When a block was, or will be, as far as the pace of blocks tells. */
export function dateOfBlock(
  block: number,
  { head, headTime_s, block_s }: { head: number; headTime_s: number | null; block_s: number | null },
): string | undefined {
  if (headTime_s === null || block_s === null) return undefined;
  return dateOf(headTime_s + (block - head) * block_s);
}

/** A head that is old makes older what came before it. */
export function ago(block: number, head: number, block_s: number | null, headAge_s = 0): string {
  if (block_s === null || head < block) return `block ${whole(block)}`;
  return `${span((head - block) * block_s + headAge_s)} ago`;
}
