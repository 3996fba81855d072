/** All checkers. */
import type { Checker } from "./checker.ts";
import { live } from "./l1-live.ts";
import { memory } from "./memory.ts";
import { once } from "./s1-once.ts";
import { shares } from "./s3-shares.ts";
import { range } from "./s4-range.ts";
import { neverTwice } from "./s5-never-twice.ts";
import { work } from "./s7-work.ts";

export const checkers: readonly Checker[] = [once, shares, range, neverTwice, work, live, memory];
