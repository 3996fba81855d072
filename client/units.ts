/** Money in token units (bigint), data in bytes, time in blocks; parsing and formatting of amounts. */
import { formatUnits, parseUnits } from "ethers";
import { inputError } from "./errors.ts";

export const GiB = 1n << 30n;
export const TiB = 1n << 40n;
/** A month is 30 days. */
export const month_s = 30 * 24 * 3600;

/** The token of a group; the chain's coin has the zero address, 18 decimals and the symbol "coin". */
export type Token = { readonly address: string; readonly symbol: string; readonly decimals: number };

export const coin: Token = { address: `0x${"00".repeat(20)}`, symbol: "coin", decimals: 18 };

/** `1500000` of a token with 6 decimals → "1.5 USDC". */
export function formatAmount(amount: bigint, token: Token): string {
  const text = formatUnits(amount, token.decimals);
  return `${text.endsWith(".0") ? text.slice(0, -2) : text} ${token.symbol}`;
}

/** The same, rounded to four digits: for amounts that follow from a measured block time. */
export function roughAmount(amount: bigint, token: Token): string {
  const scale = 10n ** BigInt(Math.max(0, String(amount).length - 4));
  return formatAmount(((amount + scale / 2n) / scale) * scale, token);
}

/**
 * Whole tokens as decimal text ("12.5") in units.
 * @throws WhitePayError `input` for anything else, and for more decimals than the token has
 */
export function parseAmount(text: string, token: Token): bigint {
  if (!/^\d{1,40}(\.\d+)?$/.test(text)) {
    throw inputError("an amount is not valid", {
      expected: "whole tokens in decimal digits, for example 12.5",
      actual: JSON.stringify(text.slice(0, 60)),
    });
  }
  if ((text.split(".")[1] ?? "").length > token.decimals) {
    throw inputError(`an amount of ${token.symbol} has too many decimals`, {
      expected: `at most ${token.decimals} digits after the point`,
      actual: text,
    });
  }
  return parseUnits(text, token.decimals);
}

const byteUnits: Readonly<Record<string, bigint>> = {
  "": 1n,
  B: 1n,
  KiB: 1n << 10n,
  MiB: 1n << 20n,
  GiB,
  TiB,
  kB: 1_000n,
  MB: 1_000_000n,
  GB: 1_000_000_000n,
  TB: 1_000_000_000_000n,
};

/**
 * "10GiB", "1.5 TB", "1048576" in bytes.
 * @throws WhitePayError `input` for anything else, and for more than a provider can commit (2^56 − 1)
 */
export function parseBytes(text: string): bigint {
  const match = /^(\d{1,20})(?:\.(\d{1,12}))?\s*([A-Za-z]{0,3})$/.exec(text.trim());
  const unit = match === null ? undefined : byteUnits[match[3] ?? ""];
  if (match === null || unit === undefined) {
    throw inputError("a number of bytes is not valid", {
      expected: `a number and one of B, KiB, MiB, GiB, TiB, kB, MB, GB, TB`,
      actual: JSON.stringify(text.slice(0, 60)),
    });
  }
  const fraction = match[2] ?? "";
  const scaled = BigInt(`${match[1]}${fraction}`) * unit;
  const bytes = scaled / 10n ** BigInt(fraction.length);
  const most = (1n << 56n) - 1n;
  if (bytes < 1n || bytes > most) {
    throw inputError("a number of bytes is not valid", { expected: `1 to ${most}`, actual: String(bytes) });
  }
  return bytes;
}

/** "2026-11-21 07:30 UTC". */
export function formatTime(time_s: number): string {
  const farthest_s = 253_402_300_799;
  if (time_s > farthest_s) return "after the year 9999";
  return `${new Date(time_s * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** "3 d 4 h", "12 min", "45 s". */
export function formatDuration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return `${s} s`;
  const minutes = Math.round(s / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(s / 3600);
  if (hours < 48) return `${hours} h`;
  return hours % 24 === 0 ? `${hours / 24} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
