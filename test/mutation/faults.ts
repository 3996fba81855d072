/** Faults to plant one at a time, and the tests or scenarios that must detect each. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { projectRoot } from "../../scripts/paths.ts";

const code = z.string();
const edit = z.strictObject({ file: z.string(), find: code.min(1), put: code });

/** Tests that fail, or random scenarios that find a violation, with the fault. */
const catcher = z.union([
  z.strictObject({ test: z.string(), only: z.string().optional() }),
  z.strictObject({ seeds: z.int().min(1), keepers: z.string().default("4") }),
]);

const faultSchema = z.strictObject({
  /** The wrong behaviour. */
  name: z.string().min(1),
  ...edit.shape,
  /** Further edits of the same fault. */
  also: z.array(edit).default([]),
  /** One of these must detect the fault. If the list is empty, all tests of the fault's part of the code run. */
  caught: z.array(catcher).default([]),
});
export type Fault = z.infer<typeof faultSchema>;
export type Catcher = z.infer<typeof catcher>;

export function readFaults(file: string): Fault[] {
  return z.array(faultSchema).parse(parse(readFileSync(join(projectRoot, file), "utf8")));
}

export const faultFiles = [
  "agreement",
  "records",
  "life",
  "chain",
  "second",
  "third",
  "reading",
  "archives",
  "ceremonies",
].map((name) => `test/mutation/faults/${name}.yaml`);

export function editsOf({ file, find, put, also }: Fault): z.infer<typeof edit>[] {
  return [{ file, find, put }, ...also];
}
