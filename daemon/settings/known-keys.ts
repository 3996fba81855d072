/** Finds the valid keys at a path of a configuration, and the valid key nearest to a misspelt one. */
import { z } from "zod";

/** Removes wrappers of a schema, such as optional and default. */
function bare(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) {
    return bare(schema.unwrap());
  }
  return schema instanceof z.ZodPipe ? bare(schema.in) : schema;
}

/** Keys of the object at `path`; undefined if there is no object. */
export function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] | undefined {
  const here = bare(schema);
  const [first, ...rest] = path;
  if (here instanceof z.ZodArray) return keysAt(here.element, rest);
  if (!(here instanceof z.ZodObject)) return undefined;
  if (first === undefined) return Object.keys(here.shape);
  const inner: z.core.$ZodType | undefined = here.shape[String(first)];
  return inner === undefined ? undefined : keysAt(inner, rest);
}

/** Edit distance: letters to insert, remove, replace, or swap with the next one. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + same);
      rows[i]?.push(swapped ? Math.min(best, at(i - 2, j - 2) + 1) : best);
    }
  }
  return at(a.length, b.length);
}

const plain = (key: string): string => key.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

/** The known key nearest to `key`, ignoring case, dashes and underscores; undefined if none is near. */
export function nearest(key: string, known: readonly string[]): string | undefined {
  const wanted = plain(key);
  // A much longer text is no misspelling, and the comparison would take long.
  if (wanted.length > 64) return undefined;
  const [best] = known
    .map((candidate) => ({ candidate, far: distance(wanted, plain(candidate)) }))
    .sort((a, b) => a.far - b.far);
  return best !== undefined && best.far <= Math.ceil(wanted.length / 4) ? best.candidate : undefined;
}
