/** How long data is to be stored: "500blocks", "30days", "6months". A month has 30 days. */
import { inputError } from "../errors.ts";
import { month_s } from "../units.ts";
import { counted } from "../../protocol/counted.ts";

const unit_s = { days: 24 * 3600, months: month_s } as const;
/** More blocks do not fit the money of any group: 2^40 blocks are 35,000 years of one second. */
const maxBlocks = 2 ** 40;

export type StoringTime = { readonly count: number; readonly unit: "blocks" | "days" | "months" };

/** @throws WhitePayError `input` for anything else */
export function parseStoringTime(text: string): StoringTime {
  const match = /^([1-9]\d{0,12})\s?(blocks|days|months)$/.exec(text);
  if (match === null) {
    throw inputError("the time is not valid", {
      expected: "a whole number above 0 and one of blocks, days, months, for example 6months",
      actual: JSON.stringify(text.slice(0, 40)),
    });
  }
  return { count: Number(match[1]), unit: match[2] as StoringTime["unit"] };
}

/** Blocks of a time, rounded up. @throws WhitePayError `input` if they are too many */
export function storingBlocks({ count, unit }: StoringTime, blockTime_s: number): number {
  const blocks = unit === "blocks" ? count : Math.ceil((count * unit_s[unit]) / blockTime_s);
  if (blocks <= maxBlocks) return blocks;
  throw inputError("the time is too long", {
    expected: `at most ${counted(maxBlocks, "block")}`,
    actual: String(blocks),
  });
}
