/** Reads a JSON document with a size limit and checks it against a schema; errors name the place in it (D2). */
import { createReadStream } from "node:fs";
import { z } from "zod";
import { whyNot } from "../../storage/disk/file-words.ts";
import { usageError } from "./exit.ts";
import { quote } from "./options.ts";

/** Limits the memory for parsing. */
const maxInputBytes = 64 * 1024 * 1024;

async function readBounded(file: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of file === "-" ? process.stdin : createReadStream(file)) {
      size += (chunk as Buffer).length;
      if (size > maxInputBytes) {
        throw usageError(`${file} is too large`, {
          expected: `at most ${maxInputBytes} bytes`,
          actual: "more",
        });
      }
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (typeof code !== "string") throw error;
    throw usageError(`cannot read ${quote(file)}: ${whyNot(error)}`);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** `records[3].slot` for the path ["records", 3, "slot"]. */
function place(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === "number" ? `${text}[${part}]` : text === "" ? String(part) : `${text}.${String(part)}`,
    "",
  );
}

const maxIssuesShown = 5;

/** Checks `value` against `schema`. @throws CliError exit 2 with the first issues */
export function checkInput<T>(source: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues;
  const shown = issues.slice(0, maxIssuesShown).map((issue) => {
    const where = place(issue.path);
    const message =
      issue.code === "invalid_key" ? (issue.issues[0]?.message ?? issue.message) : issue.message;
    return where === "" ? message : `${where}: ${message}`;
  });
  const more = issues.length > shown.length ? ` (and ${issues.length - shown.length} more)` : "";
  throw usageError(`${source} is not valid: ${shown.join("; ")}${more}`);
}

/** Reads, parses and checks a JSON file; `-` is stdin. */
export async function readJsonInput<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  const text = await readBounded(file);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usageError(`${file} is not JSON: ${(error as Error).message.replaceAll(/\s+/g, " ")}`);
  }
  return checkInput(file, schema, value);
}

/** A non-negative integer that JSON represents exactly. */
export const wholeNumber = (min = 0, max = Number.MAX_SAFE_INTEGER) => z.int().min(min).max(max);

const amountBits = 128n;
const maxAmount = (1n << amountBits) - 1n;

/** Bytes, space-time or money: decimal digits in a string, because JSON numbers are not exact. At most uint128 (R27). */
export const amount = z
  .string()
  .max(40, "expected at most 39 decimal digits (uint128)")
  .regex(/^(0|[1-9]\d*)$/, "expected decimal digits in a string, without sign or leading zeros")
  .transform((text) => BigInt(text))
  .refine((value) => value <= maxAmount, "expected at most 2^128 - 1");
