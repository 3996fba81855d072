import { describe, expect, it } from "vitest";
import { declarationsOfJavaScript } from "../../../../scripts/release/emit.ts";

describe("the build", () => {
  it("replaces .ts by .js in the imports of declarations, and only there", () => {
    const text = [
      'export { a } from "./a.ts";',
      'import type { B } from "../b/b.ts";',
      'type C = import("./c.ts").C;',
      'export * from "ethers";',
      'declare const file: "./d.ts";',
    ].join("\n");
    expect(declarationsOfJavaScript(text)).toBe(
      [
        'export { a } from "./a.js";',
        'import type { B } from "../b/b.js";',
        'type C = import("./c.js").C;',
        'export * from "ethers";',
        'declare const file: "./d.ts";',
      ].join("\n"),
    );
  });
});
