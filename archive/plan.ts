/**
 * Which provider is to store which file of an archive. Files that nothing else gives come first, then higher priorities, then files with fewer
 * proven copies, then larger ones; a file that can be computed from another one comes last. A file is stored whole or not at all.
 */

/** A file as the plan sees it. */
export type PlannedFile = {
  readonly name: string;
  readonly bytes: number;
  /** Higher numbers come first. */
  readonly priority: number;
  /** It can be computed from another file of the archive. */
  readonly isDerivable: boolean;
  /** Providers with a proven copy. */
  readonly holders: readonly string[];
};

export type Capacity = {
  readonly provider: string;
  /** Bytes that it still takes. */
  readonly bytes: number;
};

export type ProviderPlan = {
  readonly provider: string;
  readonly files: readonly string[];
  readonly bytes: number;
  /** Bytes of its capacity that stay free. */
  readonly free: number;
};

/** A file that has fewer copies than wanted, after the plan. */
export type Missing = {
  readonly name: string;
  readonly bytes: number;
  readonly copies: number;
  readonly wanted: number;
  /** Largest free room at a provider without a copy; undefined if each has one. */
  readonly largestRoom: number | undefined;
};

export type ArchivePlan = {
  readonly providers: readonly ProviderPlan[];
  readonly missing: readonly Missing[];
};

type Place = { readonly provider: string; free: number; readonly taken: PlannedFile[] };
type Copies = { readonly file: PlannedFile; readonly at: Set<string> };

/**
 * @param copies wanted of each file, those that are proven now included
 * @returns the same plan for the same files and capacities, in whatever order they come
 * @throws RangeError if a provider or a file is named twice, or a number is not a whole number of at least 0
 */
export function planArchive(
  files: readonly PlannedFile[],
  capacities: readonly Capacity[],
  copies: number,
): ArchivePlan {
  check(files, capacities, copies);
  const places = [...capacities]
    .sort((a, b) => compare(key(a.provider), key(b.provider)))
    .map(({ provider, bytes }): Place => ({ provider, free: bytes, taken: [] }));
  const all = files.map((file): Copies => ({ file, at: new Set(file.holders.map(key)) }));
  for (const group of groupsOf(all)) {
    for (let level = 0; level < copies; level++) {
      for (const one of group) if (one.at.size === level) place(one, places);
    }
  }
  return {
    providers: places.map(({ provider, free, taken }) => ({
      provider,
      files: taken.map(({ name }) => name),
      bytes: taken.reduce((sum, { bytes }) => sum + bytes, 0),
      free,
    })),
    missing: all.filter(({ at }) => at.size < copies).map((one) => missingOf(one, places, copies)),
  };
}

/** Files of one rank together, the first rank first; in a rank larger files first, which are harder to place. */
function groupsOf(all: readonly Copies[]): Copies[][] {
  const groups = new Map<string, Copies[]>();
  const sorted = [...all].sort(
    ({ file: a }, { file: b }) =>
      Number(a.isDerivable) - Number(b.isDerivable) ||
      b.priority - a.priority ||
      b.bytes - a.bytes ||
      compare(a.name, b.name),
  );
  for (const one of sorted) {
    const rank = `${one.file.isDerivable} ${one.file.priority}`;
    const group = groups.get(rank);
    if (group === undefined) groups.set(rank, [one]);
    else group.push(one);
  }
  return [...groups.values()];
}

/** One more copy, where it leaves the least room: larger rooms stay for larger files. */
function place({ file, at }: Copies, places: readonly Place[]): void {
  let best: Place | undefined;
  for (const one of places) {
    if (one.free < file.bytes || at.has(key(one.provider))) continue;
    if (best === undefined || one.free < best.free) best = one;
  }
  if (best === undefined) return;
  best.free -= file.bytes;
  best.taken.push(file);
  at.add(key(best.provider));
}

function missingOf({ file, at }: Copies, places: readonly Place[], wanted: number): Missing {
  const rooms = places.filter(({ provider }) => !at.has(key(provider))).map(({ free }) => free);
  const { name, bytes } = file;
  const largestRoom = rooms.length === 0 ? undefined : Math.max(...rooms);
  return { name, bytes, copies: at.size, wanted, largestRoom };
}

function check(files: readonly PlannedFile[], capacities: readonly Capacity[], copies: number): void {
  const numbers: [string, number][] = [
    ["copies", copies],
    ...files.map(({ name, bytes }): [string, number] => [`bytes of ${name}`, bytes]),
    ...capacities.map(({ provider, bytes }): [string, number] => [`capacity of ${provider}`, bytes]),
  ];
  for (const [what, value] of numbers) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`${what}: expected a whole number of at least 0, actual ${value}`);
    }
  }
  once(
    "file",
    files.map(({ name }) => name),
  );
  once(
    "provider",
    capacities.map(({ provider }) => key(provider)),
  );
}

function once(what: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new RangeError(`expected each ${what} once, actual ${name} twice`);
    seen.add(name);
  }
}

/** Addresses in any capitalization are the same. */
function key(provider: string): string {
  return provider.toLowerCase();
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
