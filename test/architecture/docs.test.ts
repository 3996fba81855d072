import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { entities } from "../../keeper/adapters/ledger-typeorm/entities.ts";
import { projectRoot, sourceFolders } from "../../scripts/paths.ts";
import { checkers } from "../../sim/checkers/index.ts";
import { limitsTable } from "../../scripts/docs/limits.ts";
import { timelineSvg } from "../../scripts/docs/timeline.ts";

const read = (file: string) => readFileSync(join(projectRoot, file), "utf8");
const architecture = read("docs/architecture.md");

/** Rows of the stage table: `| challenge | R8, R9 | `file` | … |`. */
const stages = [...architecture.matchAll(/^\| (\w+) \| [^|]*R\d[^|]* \| `([^`]+)` \|/gm)].map((row) => ({
  stage: row[1],
  file: row[2] as string,
}));

describe("docs/architecture.md", () => {
  it("names every stage of the core, each with its own file", () => {
    const files = globSync("keeper/core/stages/*.ts", { cwd: projectRoot }).sort();
    expect(stages.map(({ file }) => file).sort()).toEqual(files);
    for (const { stage, file } of stages) expect(file).toBe(`keeper/core/stages/${stage}.ts`);
  });

  it("lists the stages of an interval in the order of the data", () => {
    const order = [
      "challenge",
      "record",
      "integrate",
      "announce",
      "commit",
      "reveal",
      "decide",
      "sign",
      "submit",
      "settle",
    ];
    expect(stages.map(({ stage }) => stage).filter((stage) => order.includes(stage as string))).toEqual(
      order,
    );
  });

  it("draws every folder of the sources, and no other", () => {
    const drawing = /^## Folders and imports\n\n```text\n([^]*?)^```/m.exec(architecture)?.[1] ?? "";
    const sections = drawing.split(/^(?=\S)/m).map((section) => {
      const names = [...section.matchAll(/(?<![\w/-])([\w-]+)\//g)].map(([, name = ""]) => name);
      return { top: names[0] ?? "", folders: names.slice(1) };
    });
    // A folder without a file is left over from a move: git does not know it.
    const isFolder = (path: string): boolean =>
      statSync(join(projectRoot, path)).isDirectory() &&
      globSync("**/*.*", { cwd: join(projectRoot, path) }).length > 0;
    const drawn = (top: string): readonly string[] =>
      sections.find((section) => section.top === top)?.folders ?? [];
    for (const top of ["protocol", "storage", "keeper", "sim", "cli"]) {
      const there = globSync("*", { cwd: join(projectRoot, top) }).filter((name) =>
        isFolder(join(top, name)),
      );
      const nested = drawn(top).filter((name) => !there.includes(name));
      expect([...drawn(top)].filter((name) => there.includes(name)).sort(), top).toEqual(there.sort());
      expect(
        nested.filter((name) => globSync(`${top}/*/${name}`, { cwd: projectRoot }).length === 0),
      ).toEqual([]);
    }
    expect(sections.map(({ top }) => top)).toEqual(expect.arrayContaining([...sourceFolders]));
  });

  const pages = globSync("{*.md,contracts/*.md,docs/**/*.md}", { cwd: projectRoot });
  /** Pages about the code. */
  const ofCode = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/invariants.md",
    "docs/protocol.md",
    "docs/simulation.md",
    "docs/threat-model.md",
  ];
  it.each(pages)("%s names only files that exist", (page) => {
    const folder =
      /^(?:contracts|protocol|storage|archive|daemon|keeper|provider|provider-sim|client|sim|cli|scripts|test|docs)\//;
    const named = [...read(page).matchAll(/`([\w./-]+)`|\]\(([\w./-]+)\)/g)].map(
      (match) => match[1] ?? match[2] ?? "",
    );
    const paths = named.filter((name) => folder.test(name));
    const least = ofCode.includes(page) ? 1 : 0;
    expect(paths.length).toBeGreaterThanOrEqual(least);
    expect(paths.filter((path) => !existsSync(join(projectRoot, path)))).toEqual([]);
  });
});

describe("docs/invariants.md", () => {
  it("lists for every invariant the code that upholds it and the tests that detect a violation, with its checker", () => {
    const rows = [
      ...read("docs/invariants.md").matchAll(/^\| ([SL]\d) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm),
    ];
    const checkers = globSync("sim/checkers/[sl][0-9]-*.ts", { cwd: projectRoot });
    const names = ["S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "L1", "L2", "L3", "L4"];
    expect(rows.map((row) => row[1])).toEqual(names);
    for (const [, name = "", , upheld = "", noticed = ""] of rows) {
      expect(upheld).toMatch(/`(?:keeper|contracts)\//);
      const checker = checkers.find((file) => file.includes(`/${name.toLowerCase()}-`));
      // The simulated network does not model floods.
      expect(noticed).toContain(`\`${name === "L4" ? "test/integration/floods.test.ts" : checker}\``);
    }
  });
});

describe("the rules", () => {
  const defined = new Set(
    ["docs/protocol.md", "docs/invariants.md", "contracts/SPEC.md"].flatMap((page) =>
      [...read(page).matchAll(/^\| ([RSLD]\d+) \|/gm)].map((row) => row[1] ?? ""),
    ),
  );
  const sources = globSync(
    "{protocol,storage,archive,daemon,keeper,provider,provider-sim,client,sim,cli,scripts,contracts,test,deploy}/**/*.{ts,js,sol,yaml}",
    { cwd: projectRoot },
  );
  const pages = globSync("{*.md,contracts/*.md,docs/**/*.md}", { cwd: projectRoot });

  it("that code, tests and pages cite are defined in docs/protocol.md, docs/invariants.md or contracts/SPEC.md", () => {
    const cited = new Map<string, string>();
    for (const file of [...sources, ...pages]) {
      for (const [, rule = ""] of read(file).matchAll(/(?<![\w.])([RSLD][1-9]\d?)(?![\w.]*\w)/g)) {
        cited.set(rule, file);
      }
    }
    expect([...cited].filter(([rule]) => !defined.has(rule))).toEqual([]);
    for (const kind of ["R", "S", "L", "D"]) {
      expect(
        [...cited.keys()].some((rule) => rule.startsWith(kind)),
        kind,
      ).toBe(true);
    }
  });

  it("of each kind are numbered without a gap", () => {
    for (const kind of ["R", "S", "L", "D"]) {
      const numbers = [...defined]
        .filter((rule) => rule.startsWith(kind))
        .map((rule) => Number(rule.slice(1)));
      expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    }
  });
});

describe("the pages", () => {
  const pages = globSync("{*.md,contracts/*.md,docs/**/*.md}", { cwd: projectRoot });
  const anchor = (heading: string): string =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-");
  const anchorsOf = (page: string): string[] =>
    [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchor(heading));

  it.each(pages)("%s links only to files and headings that exist", (page) => {
    const broken = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = ""]) => link)
      .filter((link) => {
        if (/^https?:/.test(link)) return false;
        const [path = "", heading] = link.split("#");
        const target = path === "" ? page : join(dirname(page), path);
        if (!existsSync(join(projectRoot, target))) return true;
        return heading !== undefined && !anchorsOf(target).includes(heading);
      });
    expect(broken).toEqual([]);
  });
});

describe("docs/timeline.svg", () => {
  it("is what scripts/docs/timeline.ts draws", () => {
    expect(read("docs/timeline.svg")).toBe(timelineSvg());
  });
});

describe("docs/simulation.md", () => {
  it("lists every checker, and no other", () => {
    const page = read("docs/simulation.md");
    const section = page.slice(page.indexOf("\n## Checkers\n"), page.indexOf("\n## Looking at a run\n"));
    const rows = [...section.matchAll(/^\| (\w+) \| /gm)].map(([, name = ""]) => name);
    // Beside the checkers the simulator itself reports throws and unmet expectations.
    const names = new Set([...checkers.map(({ name }) => name), "throws", "expected"]);
    expect(rows.slice(1).sort()).toEqual([...names].sort());
  });
});

describe("docs/figures/limits.md", () => {
  it("has the limits that the code derives for its sizes", () => {
    const shown = read("docs/figures/limits.md")
      .split("\n")
      .map((line) => line.replace(/ +/g, " ").replace(/-+/g, "-"));
    for (const line of limitsTable().split("\n")) expect(shown).toContain(line.replace(/-+/g, "-"));
  });
});

describe("docs/dependencies.md", () => {
  it("has a reason for every dependency of package.json, and for no other", () => {
    type Kind = "dependencies" | "optionalDependencies" | "devDependencies";
    const manifest: Record<Kind, Record<string, string>> = JSON.parse(read("package.json"));
    const { dependencies, optionalDependencies, devDependencies } = manifest;
    const declared = Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies }).sort();
    const rows = [...read("docs/dependencies.md").matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)];
    expect(rows.map((row) => row[1] ?? "").sort()).toEqual(declared);
    for (const row of rows) expect(row[2]?.length).toBeGreaterThan(8);
  });
});

describe("docs/ledger.md", () => {
  it("lists every table with its key and columns, and no other", () => {
    const rows = [...read("docs/ledger.md").matchAll(/^\| `(\w+)` \| (`\w+`(?:, `\w+`)*) \| (.+) \|$/gm)];
    const named = rows.map(([, table, key, columns]) => {
      const words = [...`${key} ${columns}`.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? "");
      return { table, columns: [...new Set(words)].sort() };
    });
    const there = entities.map(({ options }) => ({
      table: options.name,
      columns: Object.keys(options.columns).sort(),
    }));
    const byName = (a: { table?: string | undefined }, b: { table?: string | undefined }): number =>
      (a.table ?? "") < (b.table ?? "") ? -1 : 1;
    expect(named.sort(byName)).toEqual(there.sort(byName));
  });
});
