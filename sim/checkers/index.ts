/** All checkers. */
import type { Checker } from "./checker.ts";
import { ownLife } from "./d9-own-life.ts";
import { live } from "./l1-live.ts";
import { heals } from "./l2-heals.ts";
import { others } from "./l3-others.ts";
import { memory } from "./memory.ts";
import { late } from "./r13-late.ts";
import { recorded } from "./r13-records.ts";
import { ownRecords } from "./r14-records.ts";
import { announced } from "./r17-announced.ts";
import { oneWord } from "./r18-one-word.ts";
import { closed } from "./r19-closed.ts";
import { contradicted } from "./r19-contradicted.ts";
import { leftOut } from "./r19-left-out.ts";
import { audit } from "./r20-audit.ts";
import { reveals } from "./r21-reveals.ts";
import { bundled } from "./r22-bundle.ts";
import { noted } from "./r23-notes.ts";
import { decided } from "./r24-decided.ts";
import { sends } from "./r25-sends.ts";
import { payees } from "./r28-payees.ts";
import { view } from "./r4-view.ts";
import { refused } from "./refused.ts";
import { once } from "./s1-once.ts";
import { money } from "./s2-money.ts";
import { shares } from "./s3-shares.ts";
import { range } from "./s4-range.ts";
import { neverTwice } from "./s5-never-twice.ts";
import { records } from "./s6-records.ts";
import { work } from "./s7-work.ts";
import { due } from "./s8-due.ts";

export const checkers: readonly Checker[] = [
  once,
  money,
  shares,
  range,
  neverTwice,
  records,
  work,
  due,
  live,
  heals,
  others,
  view,
  late,
  recorded,
  ownRecords,
  announced,
  oneWord,
  closed,
  leftOut,
  contradicted,
  audit,
  reveals,
  bundled,
  noted,
  decided,
  sends,
  payees,
  ownLife,
  refused,
  memory,
];
