/** Spreads a measurement of many names over passes, so that the work of a pass is bounded. */
export class Rotation<Name> {
  /** By name: the pass in which it was measured last. */
  readonly #at = new Map<Name, number>();
  readonly #every: number;
  readonly #most: number;

  /** @param every passes between two measurements of a name, if there are few names @param most names a pass */
  constructor(every: number, most: number) {
    this.#every = every;
    this.#most = most;
  }

  /** The names to measure in this pass: those that have waited longest, at most `most`. Names that are gone are forgotten. */
  due(names: readonly Name[], pass: number): Name[] {
    const present = new Set(names);
    for (const name of this.#at.keys()) if (!present.has(name)) this.#at.delete(name);
    const lastOf = (name: Name): number => this.#at.get(name) ?? Number.NEGATIVE_INFINITY;
    const due = [...present].filter((name) => pass - lastOf(name) >= this.#every);
    // Stable: names that were never measured keep their order. NaN for two infinities counts as equal.
    due.sort((a, b) => lastOf(a) - lastOf(b) || 0);
    const now = due.slice(0, this.#most);
    for (const name of now) this.#at.set(name, pass);
    return now;
  }
}
