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

/** An amount in units of 10^−decimals, cut after `digits` decimals; exact in `exactAmount`. */
export function amount(units: bigint | string, decimals: number | null, digits = 4): string {
  const exact = exactAmount(units, decimals);
  const [integer = "0", fraction = ""] = exact.split(".");
  const cut = fraction.slice(0, digits).replace(/0+$/, "");
  const shown = `${whole(BigInt(integer))}${cut === "" ? "" : `.${cut}`}`;
  return shown === "0" && /[1-9]/.test(fraction) ? `< 0.${"0".repeat(digits - 1)}1` : shown;
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

export function ago(block: number, head: number, block_s: number | null): string {
  if (block_s === null || head < block) return `block ${whole(block)}`;
  return `${span((head - block) * block_s)} ago`;
}
