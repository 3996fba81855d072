/** What the judge's rules share: texts of complaints, and comparisons. */
export type Complain = (text: string) => void;

export function named(indices: readonly number[]): string {
  return indices.length === 0 ? "none" : indices.join(", ");
}

export function sameSet(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && new Set([...a, ...b]).size === a.length;
}

export function prefixed(complain: Complain, before: string): Complain {
  return (text) => complain(`${before}: ${text}`);
}
