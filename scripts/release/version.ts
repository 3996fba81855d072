/** Versions of releases: three numbers, as semantic versioning orders them. */

function numbersOf(version: string): number[] | undefined {
  if (!/^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)$/.test(version)) return undefined;
  return version.split(".").map(Number);
}

/** @throws unless `next` is a version, and not older than `current` */
export function assertNext(next: string, current: string): void {
  const [wanted, present] = [numbersOf(next), numbersOf(current)];
  if (wanted === undefined)
    throw new Error(`the version: expected three numbers as in 1.2.3, actual ${next}`);
  const at = wanted.findIndex((each, index) => each !== present?.[index]);
  if (at !== -1 && (wanted[at] as number) < (present?.[at] ?? 0)) {
    throw new Error(`the version: expected at least ${current}, actual ${next}`);
  }
}

/** The text of a manifest or lock file with another version of the project itself: the first `count` of its version fields. */
export function withVersion(text: string, current: string, next: string, count: number): string {
  const field = `"version": ${JSON.stringify(current)}`;
  let changed = text;
  let from = 0;
  for (let i = 0; i < count; i++) {
    const at = changed.indexOf(field, from);
    if (at === -1) throw new Error(`expected ${count} fields ${field}, actual ${i}`);
    const replaced = `"version": ${JSON.stringify(next)}`;
    changed = `${changed.slice(0, at)}${replaced}${changed.slice(at + field.length)}`;
    from = at + replaced.length;
  }
  return changed;
}
