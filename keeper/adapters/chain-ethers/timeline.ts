/** The states of a contract by block, as far back as a reorg or a turn may ask for. A timeline never changes: a new one takes its place. */

type Moment<S> = { readonly block: number; readonly state: S };

export class Timeline<S> {
  /** States after the blocks in which something changed, ascending. */
  readonly #moments: readonly Moment<S>[];

  private constructor(moments: readonly Moment<S>[]) {
    this.#moments = moments;
  }

  static from<S>(block: number, state: S): Timeline<S> {
    return new Timeline([{ block, state }]);
  }

  /** The state after `block`; undefined: the contract is younger, or the timeline does not reach so far back. */
  at(block: number): S | undefined {
    return this.#moments.findLast((moment) => moment.block <= block)?.state;
  }

  get latest(): S {
    return (this.#moments.at(-1) as Moment<S>).state;
  }

  /** First block of which the state is known. */
  get begin(): number {
    return (this.#moments[0] as Moment<S>).block;
  }

  /** With the state after each event, in the order of the chain. */
  after<E extends { readonly block: number }>(
    events: readonly E[],
    next: (state: S, event: E) => S,
  ): Timeline<S> {
    const moments = [...this.#moments];
    for (const event of events) {
      const { block, state: before } = moments.at(-1) as Moment<S>;
      const state = next(before, event);
      if (state === before) continue;
      if (block === event.block) moments.pop();
      moments.push({ block: event.block, state });
    }
    return moments.length === this.#moments.length && moments.at(-1) === this.#moments.at(-1)
      ? this
      : new Timeline(moments);
  }

  /** Without what happened after `block`; undefined if nothing is left. */
  through(block: number): Timeline<S> | undefined {
    if ((this.#moments.at(-1) as Moment<S>).block <= block) return this;
    const kept = this.#moments.filter((moment) => moment.block <= block);
    return kept.length === 0 ? undefined : new Timeline(kept);
  }

  /** Without states that were replaced at or before `block`. */
  since(block: number): Timeline<S> {
    const first = this.#moments.findLastIndex((moment) => moment.block <= block);
    return first <= 0 ? this : new Timeline(this.#moments.slice(first));
  }
}
