/** docs/library.md: every example runs as written in a project with the library's tarball, prints what the page shows, and has types. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";
import { install } from "../package/install.ts";
import { libraryScene, type LibraryScene } from "../support/library-scene.ts";

const run = promisify(execFile);
const page = join(projectRoot, "docs/library.md");
const text = await readFile(page, "utf8");
type Example = { readonly title: string; readonly code: string; readonly output: string };
const examples: Example[] = [
  ...text.matchAll(/^## ([^\n]+)\n(?:(?!^## )[\s\S])*?^```ts\n([\s\S]*?)^```\n\n^```text\n([\s\S]*?)^```/gm),
].map(([, title = "", code = "", output = ""]) => ({ title, code, output }));

let scene: LibraryScene;
let project: string;

beforeAll(async () => {
  scene = await libraryScene();
  ({ project } = await install("client", scene.folder));
});
afterAll(() => scene.close());

/** Replaces the page's placeholders by values of the test's chain. */
function withValues(code: string): string {
  const values: Record<string, string> = {
    rpc: scene.rpc,
    group: scene.group,
    factory: scene.factory,
    lens: scene.lens,
    committee: scene.committee,
    key: scene.payer.privateKey,
  };
  return code.replace(/^const (\w+) = ".*";$/gm, (line, name: string) =>
    values[name] === undefined ? line : `const ${name} = ${JSON.stringify(values[name])};`,
  );
}

/** Removes addresses and numbers, which differ from run to run. */
function shape(output: string): string {
  return output
    .replaceAll(/0x(?:[0-9a-fA-F]+|…)/g, "0x…")
    .replaceAll(/\d+(?:\.\d+)?/g, "#")
    .trim();
}

async function outputOf({ title, code }: Example): Promise<string> {
  const file = join(project, `${title.replaceAll(/\W+/g, "-")}.ts`);
  await writeFile(file, withValues(code));
  const { stdout } = await run(process.execPath, ["--disable-warning=ExperimentalWarning", file], {
    cwd: project,
  });
  return stdout;
}

/** WHITEPAY_WRITE_DOCS=1 writes the output into the page. */
async function rewrite(printed: ReadonlyMap<Example, string>): Promise<void> {
  let now = text;
  for (const [{ code, output }, actual] of printed) {
    const readable = actual.replaceAll(/0x[0-9a-fA-F]{40,}/g, "0x…");
    now = now.replace(`${code}\`\`\`\n\n\`\`\`text\n${output}`, `${code}\`\`\`\n\n\`\`\`text\n${readable}`);
  }
  await writeFile(page, now);
}

describe("docs/library.md", () => {
  it("has an example for each call that payers and dashboards need", () => {
    const used = examples.map(({ code }) => code).join("\n");
    for (const name of [
      "quote",
      "planGroup",
      "planFund",
      "groupStatus",
      "watchGroup",
      "verifyCertificate",
      "openPiece",
      "groupPayments",
    ]) {
      expect(used).toContain(`${name}(`);
    }
  });

  it("has examples that print what the page shows", async () => {
    const printed = new Map<Example, string>();
    for (const example of examples) printed.set(example, await outputOf(example));
    if (process.env["WHITEPAY_WRITE_DOCS"] === "1") return rewrite(printed);
    for (const [{ title, output }, actual] of printed) {
      expect({ title, output: shape(actual) }).toEqual({ title, output: shape(output) });
    }
  });

  it("has examples that a strict project compiles", async () => {
    const options = {
      compilerOptions: {
        target: "es2024",
        lib: ["es2024", "dom"],
        module: "nodenext",
        strict: true,
        noEmit: true,
        allowImportingTsExtensions: true,
        skipLibCheck: true,
        types: [],
      },
      include: ["*.ts"],
    };
    await writeFile(join(project, "tsconfig.json"), JSON.stringify(options));
    const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
    const { stdout } = await run(process.execPath, [tsc, "--project", project]);
    expect(stdout).toBe("");
  });

  it("names every error code, and no other", async () => {
    const source = await readFile(join(projectRoot, "client/errors.ts"), "utf8");
    const codes = [...(/export type ErrorCode = ([^;]+);/.exec(source)?.[1]?.matchAll(/"(\w+)"/g) ?? [])].map(
      (m) => m[1],
    );
    const rows = [...text.matchAll(/^\| `(\w+)` \| /gm)].map((row) => row[1]);
    expect(rows).toEqual(codes);
  });
});
