/** One line of a check before a start: its grade, what was found, and the remedy. */
import { exitCodes } from "./exit.ts";
import type { ExitCode } from "./exit.ts";

export type Grade = "ok" | "warn" | "fail";
export type CheckItem = {
  readonly name: string;
  readonly grade: Grade;
  readonly found: string;
  /** The remedy; absent if the grade is ok. */
  readonly remedy?: string;
  /** Exit code of the command if this is its first failure. */
  readonly code: ExitCode;
};

/** The item as text, with the remedy behind an arrow; `width` is the length of the longest name. */
export function checkLine({ grade, name, found, remedy }: CheckItem, width: number): string {
  return `${grade.padEnd(4)}  ${name.padEnd(width)} ${found}${remedy === undefined ? "" : `\n      → ${remedy}`}`;
}

/** The item for a JSON document: without the exit code. */
export function checkDocument({ name, grade, found, remedy }: CheckItem): Omit<CheckItem, "code"> {
  return { name, grade, found, ...(remedy === undefined ? {} : { remedy }) };
}

export const ok = (name: string, found: string): CheckItem => ({
  name,
  grade: "ok",
  found,
  code: exitCodes.ok,
});
export const warn = (name: string, found: string, remedy: string): CheckItem => ({
  name,
  grade: "warn",
  found,
  remedy,
  code: exitCodes.ok,
});
export const fail = (
  name: string,
  found: string,
  remedy: string,
  code: ExitCode = exitCodes.failed,
): CheckItem => ({
  name,
  grade: "fail",
  found,
  remedy,
  code,
});
