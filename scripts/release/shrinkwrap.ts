/**
 * The part of the lock file that a package needs: the same versions and hashes as in the clone. npm reads it from an installed
 * package under the name npm-shrinkwrap.json.
 */

type LockedPackage = {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly [field: string]: unknown;
};

export type LockFile = { readonly packages: Readonly<Record<string, LockedPackage>> };

export type RootManifest = {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
};

/** Where Node finds a package that a file at `place` imports: in the nearest node_modules. */
function resolve(lock: LockFile, place: string, name: string): string | undefined {
  for (let at = place; ; at = at.slice(0, Math.max(0, at.lastIndexOf("node_modules/") - 1))) {
    const candidate = `${at === "" ? "" : `${at}/`}node_modules/${name}`;
    if (Object.hasOwn(lock.packages, candidate)) return candidate;
    if (at === "") return undefined;
  }
}

/** Names that an installed package asks for; `required`: an absent one makes the tree incomplete. */
function wants(entry: LockedPackage): { name: string; required: boolean }[] {
  const names = (group: Readonly<Record<string, string>> | undefined): string[] => Object.keys(group ?? {});
  const optional = names(entry.optionalDependencies);
  const isOptionalPeer = (name: string): boolean => entry.peerDependenciesMeta?.[name]?.optional === true;
  return [
    ...names(entry.dependencies).map((name) => ({ name, required: !optional.includes(name) })),
    ...optional.map((name) => ({ name, required: false })),
    ...names(entry.peerDependencies)
      .filter((name) => !isOptionalPeer(name))
      .map((name) => ({ name, required: true })),
  ];
}

/** @throws if the lock file lacks a package that is needed */
export function shrinkwrapOf(lock: LockFile, manifest: RootManifest): object {
  const kept = new Set<string>();
  const queue = [
    { place: "", names: Object.keys(manifest.dependencies).map((name) => ({ name, required: true })) },
  ];
  for (let asker = queue.pop(); asker !== undefined; asker = queue.pop()) {
    for (const { name, required } of asker.names) {
      const place = resolve(lock, asker.place, name);
      if (place === undefined && required) {
        throw new Error(
          `the lock file has no ${name} for ${asker.place === "" ? manifest.name : asker.place}; run npm install`,
        );
      }
      if (place === undefined || kept.has(place)) continue;
      kept.add(place);
      queue.push({ place, names: wants(lock.packages[place] as LockedPackage) });
    }
  }
  const { name, version, dependencies } = manifest;
  const packages = Object.fromEntries(
    [...kept].sort().map((place) => [place, withoutMarks(lock.packages[place] as LockedPackage)]),
  );
  return {
    name,
    version,
    lockfileVersion: 3,
    requires: true,
    packages: { "": { name, version, dependencies }, ...packages },
  };
}

/** `dev` and `peer` say why the clone has a package; the built package has it for another reason. */
function withoutMarks(entry: LockedPackage): LockedPackage {
  const { dev: _dev, devOptional: _devOptional, peer: _peer, ...rest } = entry;
  return rest;
}
