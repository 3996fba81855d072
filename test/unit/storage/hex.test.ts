/** Hex text is the same in Node and on platforms without a Buffer, such as browsers. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fromHex, toHex } from "../../../storage/core/bytes.ts";
import { projectRoot } from "../../../scripts/paths.ts";
import { seededBytes } from "../../support/files.ts";

const lengths = [0, 1, 20, 32, 127, 128, 129, 300, 1_000];
const expected = lengths.map((length) => `0x${Buffer.from(seededBytes(length, 7)).toString("hex")}`);

describe("hex", () => {
  it("of any length decodes to its bytes", () => {
    expect(lengths.map((length) => toHex(seededBytes(length, 7)))).toEqual(expected);
    for (const text of expected) expect(toHex(fromHex(text))).toBe(text);
  });

  it("is the same on a platform without a Buffer", () => {
    const module = join(projectRoot, "storage/core/bytes.ts");
    const script = `
      delete globalThis.Buffer;
      const { fromHex, toHex } = await import(${JSON.stringify(module)});
      const texts = ${JSON.stringify(expected)};
      process.stdout.write(JSON.stringify(texts.map((text) => toHex(fromHex(text)))));
    `;
    const options = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", script];
    expect(JSON.parse(execFileSync(process.execPath, options, { encoding: "utf8" }))).toEqual(expected);
  });
});
