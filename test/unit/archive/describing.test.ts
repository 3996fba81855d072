/** What a curator says about files whose bytes stay as they are. */
import { describe, expect, it } from "vitest";
import { describeFiles } from "../../../archive/describing.ts";
import { filesOf } from "../../../archive/manifest.ts";
import { matchesName, nameFrom } from "../../../archive/names.ts";
import { fileNamed, manifestOf } from "../../support/archive/manifests.ts";

const names = ["challenge_0001", "response_0001", "challenge_0002", "response_0002", "0002/README"];
const manifest = manifestOf(names.map((name) => fileNamed(name)));
const of = (change: Omit<Parameters<typeof describeFiles>[1], "files">, ...files: string[]) => {
  const found = describeFiles(manifest, { files, ...change });
  const after = new Map(
    filesOf({ ...manifest, collections: [...found.collections] }).map((file) => [file.name, file]),
  );
  return { ...found, after };
};

describe("a description of files", () => {
  it("changes the files that a pattern fits, and no other", () => {
    const { after, chosen, idle } = of({ priority: 90, licence: "MIT" }, "response_*");
    expect(chosen).toEqual(["response_0001", "response_0002"]);
    expect(idle).toEqual([]);
    expect(names.map((name) => after.get(name)?.priority)).toEqual([50, 90, 50, 90, 50]);
    expect(names.map((name) => after.get(name)?.licence)).toEqual([
      undefined,
      "MIT",
      undefined,
      "MIT",
      undefined,
    ]);
  });

  it("derives each file from the one of the number before, and gives it priority 0", () => {
    const by = "the next challenge";
    const { after, notDerived } = of(
      { derivedFrom: { file: "response_{n-1}", by }, priority: 40 },
      "challenge_*",
    );
    expect(after.get("challenge_0002")).toMatchObject({
      priority: 0,
      derivedFrom: { file: "response_0001", by },
    });
    // There is no response 0: the first challenge stays as it was, but for its priority.
    expect(notDerived).toEqual(["challenge_0001"]);
    expect(after.get("challenge_0001")).toEqual(fileNamed("challenge_0001", { priority: 40 }));
  });

  it("keeps a derivation that it does not name, and takes one away", () => {
    const derived = fileNamed("challenge_0002", {
      priority: 0,
      derivedFrom: { file: "response_0001", by: "it" },
    });
    const own = manifestOf([fileNamed("response_0001"), derived]);
    const kept = describeFiles(own, { files: ["challenge_*"], licence: "MIT" }).collections[0]?.files[1];
    expect(kept).toEqual({ ...derived, licence: "MIT" });
    const free = describeFiles(own, { files: ["challenge_*"], derivedFrom: null, priority: 20 });
    expect(free.collections[0]?.files[1]).toEqual(fileNamed("challenge_0002", { priority: 20 }));
  });

  it("adds a source once, and names patterns that fit nothing", () => {
    const sources = [{ url: "https://one.example/r" }];
    const once = of({ sources }, "response_0001");
    expect(once.after.get("response_0001")?.sources).toEqual(sources);
    const again = describeFiles(
      { ...manifest, collections: [...once.collections] },
      { files: ["response_0001"], sources },
    );
    expect(again.collections).toEqual(once.collections);
    expect(of({ priority: 1 }, "answer_*", "README").idle).toEqual(["answer_*"]);
  });
});

describe("a pattern of names", () => {
  it.each([
    ["response_0001", "response_0001", true],
    ["response_*", "0001/response_0001", true],
    ["0001/*", "0001/response_0001", true],
    ["*_0001", "response_0001", true],
    ["r*_*1", "response_0001", true],
    ["*", "anything/at all", true],
    ["response", "response_0001", false],
    ["*_0002", "response_0001", false],
    ["a*a", "a", false],
    ["", "a", false],
  ])("%s and %s: %s", (pattern, name, fits) => {
    expect(matchesName(pattern, name)).toBe(fits);
  });
});

describe("a name from a template", () => {
  it.each([
    ["response_{n-1}", "challenge_0002", "response_0001"],
    ["response_{n}", "challenge_0002", "response_0002"],
    ["response_{n-1}", "challenge_1000", "response_0999"],
    ["{n-1}/response", "0010/challenge", "0009/response"],
    ["response_{n-1}", "challenge_0000", undefined],
    ["response_{n-1}", "challenge", undefined],
    ["response", "challenge_0002", "response"],
  ])("%s for %s is %s", (template, name, expected) => {
    expect(nameFrom(template, name)).toBe(expected);
  });
});
