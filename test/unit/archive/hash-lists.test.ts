import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { compareLists, isListName, publishedHashes } from "../../../archive/hash-lists.ts";
import { toHex } from "../../../protocol/hash.ts";

const digest = (algorithm: string, text: string) => toHex(createHash(algorithm).update(text).digest());
const blake2b = (text: string) => digest("blake2b512", text);
const sha256 = (text: string) => digest("sha256", text);
/** As the programs of ceremonies print a BLAKE2b hash. */
const rows = (text: string, indent = "\t") =>
  (blake2b(text).slice(2).match(/.{32}/g) ?? [])
    .map((line) => `${indent}${(line.match(/.{8}/g) ?? []).join(" ")}`)
    .join("\n");
const file = (name: string, text = name) => ({ name, blake2b: blake2b(text), sha256: sha256(text) });

describe("a published list", () => {
  it("of sha256sum or b2sum, or with tags, names its files", () => {
    const text = [
      `${sha256("a").slice(2)}  ./a`,
      `${blake2b("b").slice(2).toUpperCase()} *dir/b c`,
      `SHA256 (d) = ${sha256("d").slice(2)}`,
      `BLAKE2b (e) = ${blake2b("e").slice(2)}`,
      `SHA512 (f) = ${blake2b("f").slice(2)}`,
      // As many digits as another algorithm has.
      `BLAKE2b (g) = ${sha256("g").slice(2)}`,
      `SHA256 (h) = ${blake2b("h").slice(2)}`,
      "# a comment",
      `${"1".repeat(40)}  sha1`,
    ].join("\r\n");
    expect(publishedHashes("SUMS", text)).toEqual([
      { algorithm: "sha256", digest: sha256("a"), file: "a", isBinding: true },
      { algorithm: "blake2b", digest: blake2b("b"), file: "dir/b c", isBinding: true },
      { algorithm: "sha256", digest: sha256("d"), file: "d", isBinding: true },
      { algorithm: "blake2b", digest: blake2b("e"), file: "e", isBinding: true },
    ]);
    expect(publishedHashes("SHA512SUMS", `${blake2b("b").slice(2)}  b`)).toEqual([]);
  });

  it("of a contribution has BLAKE2b in four rows, and the file in the line before", () => {
    const text = [
      "Hash of the [`challenge`](https://host.example/public/challenge_0053) file for verification:",
      `\`\`\`\n${rows("challenge", "    ")}\n\`\`\``,
      "`response` was based on the hash:",
      `\`\`\`\n${rows("challenge", "    ")}\n\`\`\``,
      "Hash of the response file for verification:",
      rows("response"),
      "[INFO]  snarkJS: Contribution Response Hash:",
      rows("response", "                "),
      "Response Hash (blake2b):",
      `${rows("other", "").replaceAll("\n", " \n")} `,
      "With tabs:",
      rows("tabs").replaceAll(" ", "\t"),
    ].join("\n");
    expect(
      publishedHashes("README.md", text).map(({ file: named, digest: value }) => [named, value]),
    ).toEqual([
      ["challenge_0053", blake2b("challenge")],
      [undefined, blake2b("challenge")],
      [undefined, blake2b("response")],
      [undefined, blake2b("other")],
      [undefined, blake2b("tabs")],
    ]);
    // Three rows, or rows with text between them, are no hash.
    expect(publishedHashes("README.md", rows("a").split("\n").slice(1).join("\n"))).toEqual([]);
    expect(publishedHashes("README.md", rows("a").replace("\n", "\nword\n"))).toEqual([]);
  });

  it("of Zcash's attestations has URLs that end with the hash", () => {
    const name = blake2b("response").slice(2);
    expect(publishedHashes("README.md", `* https://transcript.example/${name}\n`)).toEqual([
      { algorithm: "blake2b", digest: blake2b("response"), file: name, isBinding: true },
    ]);
  });

  it("is recognised by its name", () => {
    for (const name of [
      "README.md",
      "0001/readme",
      "SHA256SUMS",
      "b2sums.txt",
      "x.b2",
      "0011/report.asc",
      "a.sha256",
    ])
      expect(isListName(name), name).toBe(true);
    for (const name of ["response_0001", "challenge", "README/data.bin", "summer"])
      expect(isListName(name), name).toBe(false);
  });
});

describe("comparing with published lists", () => {
  const list = (name: string, text: string) => ({ name, hashes: publishedHashes(name, text) });

  it("confirms hashes, and tells wrong files from missing ones", () => {
    const files = [file("c1/response"), file("c2/response"), file("response_0003"), file("d")];
    const verdict = compareLists(files, [
      list("c1/README.md", `the \`./response\` file:\n${rows("c1/response")}`),
      list("c2/README.md", `the \`response\` file:\n${rows("somebody's")}`),
      list("c3/README.md", `https://host.example/response_0003:\n${rows("response_0003")}`),
      list("c4/README.md", `the \`response\` file:\n${rows("lost")}`),
      list("SUMS", `${sha256("other").slice(2)}  d\n${sha256("gone").slice(2)}  e\n`),
    ]);
    expect(verdict.confirmed.map((one) => one.file)).toEqual(["c1/response", "response_0003"]);
    expect(verdict.wrong.map((one) => [one.list, one.file, one.expected])).toEqual([
      ["c2/README.md", "c2/response", blake2b("somebody's")],
      ["SUMS", "d", sha256("other")],
    ]);
    expect(verdict.missing.map((one) => [one.list, one.file])).toEqual([
      ["c4/README.md", "response"],
      ["SUMS", "e"],
    ]);
  });

  it("takes the name of sha256sum for the file that has to have the hash, also if another file has it", () => {
    const files = [file("a"), file("b"), file("c")];
    const text = [
      ["a", "b"],
      ["b", "a"],
      ["renamed", "c"],
    ]
      .map(([name = "", content = ""]) => `${sha256(content).slice(2)}  ${name}`)
      .join("\n");
    const verdict = compareLists(files, [list("SUMS", text)]);
    expect(verdict.wrong.map((one) => [one.file, one.expected])).toEqual([
      ["a", sha256("b")],
      ["b", sha256("a")],
    ]);
    expect(verdict.confirmed).toEqual([{ list: "SUMS", file: "c", algorithm: "sha256" }]);
    expect(verdict.missing).toEqual([]);
  });

  it("does not take a hash of the challenge before for a wrong response", () => {
    const files = [file("response_1"), file("challenge_1")];
    const text = `\`response_1\` says:\n${rows("challenge_1")}`;
    expect(compareLists(files, [list("README.md", text)])).toMatchObject({
      confirmed: [{ file: "response_1" }],
      wrong: [],
    });
  });
});
