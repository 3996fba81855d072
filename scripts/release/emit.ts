/** TypeScript's own emit: JavaScript, and declarations where they are asked for. */
import { execFile } from "node:child_process";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { projectRoot } from "../paths.ts";
import { toolScript } from "../tools.ts";

const run = promisify(execFile);

export type EmitOptions = {
  /** The configuration that the emit takes its rules from, from the project's root. */
  readonly config: string;
  /** Modules to compile, from the project's root; what they import is compiled too. */
  readonly entries: readonly string[];
  readonly folder: string;
  readonly declarations: boolean;
};

/** Compiles into a folder that mirrors the project's tree. @throws with what the compiler says */
export async function emit({ config, entries, folder, declarations }: EmitOptions): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = `${folder}.tsconfig.json`;
  const settings = {
    extends: join(projectRoot, config),
    compilerOptions: {
      noEmit: false,
      rewriteRelativeImportExtensions: true,
      declaration: declarations,
      rootDir: projectRoot,
      outDir: folder,
      typeRoots: [join(projectRoot, "node_modules/@types")],
    },
    files: entries.map((entry) => join(projectRoot, entry)),
    include: [],
  };
  await writeFile(file, JSON.stringify(settings, null, 2));
  try {
    await run(process.execPath, [toolScript("typescript", "tsc"), "--project", file], { maxBuffer: 2 ** 24 });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`the compiler refuses ${entries.join(", ")}:\n${stdout}${stderr}`, { cause: error });
  }
  if (declarations) await nameJavaScript(folder);
}

/** The emit leaves `./x.ts` in declarations; `./x.js` is what every tool resolves. */
async function nameJavaScript(folder: string): Promise<void> {
  const files = await readdir(folder, { recursive: true });
  for (const name of files.filter((each) => each.endsWith(".d.ts"))) {
    const file = join(folder, name);
    await writeFile(file, declarationsOfJavaScript(await readFile(file, "utf8")));
  }
}

/** The text of a declaration file with `.js` in place of `.ts` in each relative import. */
export function declarationsOfJavaScript(text: string): string {
  return text.replaceAll(/(\bfrom |\bimport\()"(\.{1,2}\/[^"]+)\.ts"/g, '$1"$2.js"');
}
