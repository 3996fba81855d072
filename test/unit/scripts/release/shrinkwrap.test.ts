import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../../../scripts/paths.ts";
import { shrinkwrapOf, type LockFile } from "../../../../scripts/release/shrinkwrap.ts";

const lock: LockFile = {
  packages: {
    "": {},
    "node_modules/a": { version: "1.0.0", dependencies: { b: "^1", c: "^2" }, dev: true },
    "node_modules/a/node_modules/b": { version: "1.5.0", dependencies: { d: "*" } },
    "node_modules/b": { version: "2.0.0", dependencies: { e: "*" } },
    "node_modules/c": { version: "2.0.0", optionalDependencies: { absent: "*" } },
    "node_modules/d": {
      version: "3.0.0",
      peerDependencies: { f: "*", g: "*" },
      peerDependenciesMeta: { g: { optional: true } },
    },
    "node_modules/e": { version: "4.0.0" },
    "node_modules/f": { version: "5.0.0", peer: true },
    "node_modules/g": { version: "6.0.0" },
  },
};

const placesOf = (of: LockFile, dependencies: Record<string, string>): Record<string, object> =>
  (shrinkwrapOf(of, { name: "p", version: "1.2.3", dependencies }) as { packages: Record<string, object> })
    .packages;

describe("the shrinkwrap", () => {
  it("holds each package that a dependency needs, from the folder in which Node finds it, without the clone's own flags", () => {
    expect(placesOf(lock, { a: "1.0.0" })).toEqual({
      "": { name: "p", version: "1.2.3", dependencies: { a: "1.0.0" } },
      "node_modules/a": { version: "1.0.0", dependencies: { b: "^1", c: "^2" } },
      "node_modules/a/node_modules/b": lock.packages["node_modules/a/node_modules/b"],
      "node_modules/c": lock.packages["node_modules/c"],
      "node_modules/d": lock.packages["node_modules/d"],
      "node_modules/f": { version: "5.0.0" },
    });
  });

  it("names a package that the lock file lacks, and the package that needs it", () => {
    const without: LockFile = { packages: { ...lock.packages } };
    delete (without.packages as Record<string, unknown>)["node_modules/d"];
    expect(() => placesOf(without, { a: "1.0.0" })).toThrow("no d for node_modules/a/node_modules/b");
    expect(() => placesOf(lock, { z: "1.0.0" })).toThrow("no z for p");
  });

  it("of the real lock file holds no package that only the clone needs", () => {
    const real = JSON.parse(readFileSync(join(projectRoot, "package-lock.json"), "utf8")) as LockFile;
    const places = Object.keys(placesOf(real, { libp2p: "3.3.11", level: "10.0.0" }));
    expect(places).toContain("node_modules/classic-level");
    expect(places.filter((place) => /\/(?:hardhat|vitest|typescript)$/.test(place))).toEqual([]);
  });
});
