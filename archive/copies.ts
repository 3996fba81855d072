/**
 * Proven copies of each file of an archive over time. A provider has a proven copy of a file in a block if its committed data names the file
 * in that block, and a settled interval with that block says that it proved its data.
 */

/** What a provider committed to store in the blocks [from, to). */
export type Commitment = {
  readonly provider: string;
  readonly from: number;
  readonly to: number;
  /** Piece roots. */
  readonly roots: ReadonlySet<string>;
};

/** A settled interval of a provider: the blocks [from, to). */
export type SettledInterval = {
  readonly provider: string;
  readonly from: number;
  readonly to: number;
  readonly isProven: boolean;
};

/** The blocks [from, to) that are looked at; `to` is the end of what is settled. */
export type BlockWindow = { readonly from: number; readonly to: number };

/** A number of copies, from a block on until the next entry. */
export type CopiesFrom = { readonly block: number; readonly copies: number };

export type FileCopies = {
  readonly root: string;
  /** In the last block of the window. */
  readonly now: number;
  /** The fewest in the window from the file's first proven copy on, and the first block with so few. */
  readonly worst: CopiesFrom;
  /** Providers with a proven copy in the last block, and since when without a gap; at the earliest the window's first block. */
  readonly holders: readonly { readonly provider: string; readonly since: number }[];
  /** All changes in the window. The first entry is its first block. */
  readonly series: readonly CopiesFrom[];
};

type Span = { from: number; to: number };

/**
 * @param roots of the files, each once
 * @returns in the order of `roots`; an empty window has 0 copies of each
 */
export function copiesOverTime(
  roots: readonly string[],
  commitments: readonly Commitment[],
  settled: readonly SettledInterval[],
  window: BlockWindow,
): FileCopies[] {
  const proven = new Map<string, Span[]>();
  for (const { provider, from, to, isProven } of settled) {
    if (isProven) add(proven, provider, { from, to });
  }
  // Intervals follow one another: few spans are left for each of the files.
  for (const [provider, spans] of proven) proven.set(provider, joinedSpans(spans));
  // By root and provider: blocks with a proven copy.
  const copies = new Map<string, Map<string, Span[]>>();
  for (const { provider, from, to, roots: committed } of commitments) {
    for (const span of proven.get(provider) ?? []) {
      const both = within(span, { from, to });
      if (both === undefined) continue;
      for (const root of committed) {
        const providers = copies.get(root) ?? new Map<string, Span[]>();
        copies.set(root, providers);
        add(providers, provider, both);
      }
    }
  }
  return roots.map((root) => fileCopies(root, copies.get(root) ?? new Map(), window));
}

/** Whether an alarm is due: too few proven copies of a file that cannot be derived from another one. */
export function hasTooFew(file: { readonly derivedFrom?: unknown }, copies: number, least: number): boolean {
  return file.derivedFrom === undefined && copies < least;
}

function fileCopies(root: string, providers: ReadonlyMap<string, Span[]>, window: BlockWindow): FileCopies {
  const first = Math.min(Infinity, ...[...providers.values()].flat().map(({ from }) => from));
  const joined = [...providers].map(([provider, spans]) => ({
    provider,
    spans: joinedSpans(spans).flatMap((span) => within(span, window) ?? []),
  }));
  const steps = new Map<number, number>([[window.from, 0]]);
  for (const { from, to } of joined.flatMap(({ spans }) => spans)) {
    steps.set(from, (steps.get(from) ?? 0) + 1);
    if (to < window.to) steps.set(to, (steps.get(to) ?? 0) - 1);
  }
  const series: CopiesFrom[] = [];
  let copies = 0;
  for (const [block, step] of [...steps].sort(([a], [b]) => a - b)) {
    copies += step;
    if (copies !== series.at(-1)?.copies) series.push({ block, copies });
  }
  // The zero before the first copy says nothing about those who keep the file.
  const kept = first > window.from && first < window.to ? series.slice(1) : series;
  const worst = kept.reduce((least, one) => (one.copies < least.copies ? one : least));
  const holders = joined.flatMap(({ provider, spans }) => {
    const last = spans.at(-1);
    return last?.to === window.to ? [{ provider, since: last.from }] : [];
  });
  return { root, now: copies, worst, holders, series };
}

function add(map: Map<string, Span[]>, key: string, span: Span): void {
  const spans = map.get(key);
  if (spans === undefined) map.set(key, [span]);
  else spans.push(span);
}

function within(a: Span, b: Span): Span | undefined {
  const [from, to] = [Math.max(a.from, b.from), Math.min(a.to, b.to)];
  return from < to ? { from, to } : undefined;
}

/** Sorted, with neighbours and overlaps as one. */
function joinedSpans(spans: readonly Span[]): Span[] {
  const joined: Span[] = [];
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from)) {
    const last = joined.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else joined.push({ from, to });
  }
  return joined;
}
