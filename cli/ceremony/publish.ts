/** `whitepay ceremony publish`: the next edition of the manifest, and the files with the providers of a group. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { filesOf } from "../../archive/manifest.ts";
import { openAccount } from "../chain/account.ts";
import { rootOf } from "../archive/archive-file.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { exists } from "../console/output-file.ts";
import { printJson, printLine, say } from "../console/output.ts";
import type { Manifest } from "../../archive/schema.ts";
import { learnedPorts } from "./committee.ts";
import { definitionFile, CeremonyFolder, signerOf } from "./folder.ts";
import { writeEdition } from "./manifest.ts";
import type { KeyOptions } from "./options.ts";

export type StoreOptions = { readonly store?: string; readonly copies: number; readonly for: string };
export type PublishOptions = KeyOptions &
  StoreOptions & { readonly rpc?: readonly string[]; readonly json?: true };

/** Stores files as they are, readable for everybody: `whitepay store`, which continues if it is run again. */
export async function storeFiles(paths: readonly string[], options: StoreOptions): Promise<void> {
  const { store: config, copies } = options;
  const script = process.argv[1];
  if (config === undefined || script === undefined || paths.length === 0) return;
  const words = [
    "store",
    ...paths,
    "--public",
    "--yes",
    "--copies",
    `${copies}`,
    "--for",
    options.for,
    "--config",
    config,
  ];
  const child = spawn(process.execPath, [script, ...words], {
    stdio: ["ignore", process.stderr, process.stderr],
  });
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  if (code === 0) return;
  throw new CliError({
    code: exitCodes.failed,
    message: "the files are not stored",
    expected: "exit code 0 of whitepay store",
    actual: `${code}`,
    hint: "run the command again: it continues",
  });
}

/** Paths of the files that providers store. A derived file can be computed from another one: it is not worth a copy. */
async function storedPaths(folder: CeremonyFolder, manifest: Manifest): Promise<string[]> {
  const names = filesOf(manifest).flatMap(({ name, derivedFrom }) =>
    derivedFrom === undefined ? [name] : [],
  );
  const paths = names.map((name) => (name === definitionFile ? join(folder.path, name) : folder.file(name)));
  const present = await Promise.all(paths.map(exists));
  return paths.filter((_, i) => present[i]);
}

/** Stores the files of editions as they come, one edition after another, beside the service. */
export class ContinuedStoring {
  readonly #folder: CeremonyFolder;
  readonly #options: StoreOptions;
  readonly #stored = new Set<string>();
  #last: Promise<void> = Promise.resolve();

  constructor(folder: CeremonyFolder, options: StoreOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** A fault is said; the next edition tries its files again. */
  add(manifest: Manifest): void {
    this.#last = this.#last
      .then(() => this.#store(manifest))
      .catch((error: unknown) => {
        say(`error: edition ${manifest.edition} is not stored: ${(error as Error).message}`);
      });
  }

  async #store(manifest: Manifest): Promise<void> {
    const fresh = (await storedPaths(this.#folder, manifest)).filter((path) => !this.#stored.has(path));
    if (fresh.length === 0) return;
    await storeFiles(fresh, this.#options);
    for (const path of fresh) this.#stored.add(path);
    say(`the files of edition ${manifest.edition} are stored with providers`);
  }

  /** Waits until nothing is being stored. */
  async idle(): Promise<void> {
    await this.#last;
  }
}

export async function publishCeremony(path: string, options: PublishOptions): Promise<void> {
  const secret = await openAccount(options.key, options.passwordFile);
  const folder = await CeremonyFolder.open(path, (own, entries) =>
    learnedPorts(own, entries, options.rpc ?? []),
  );
  try {
    const manifest = await writeEdition(folder, signerOf(secret));
    await storeFiles(await storedPaths(folder, manifest), options);
    const root = rootOf(manifest);
    if (options.json) printJson({ edition: manifest.edition, root, previous: manifest.previous });
    else {
      printLine(`edition    ${manifest.edition}`);
      printLine(`root       ${root}`);
      printLine(`manifest   ${join(path, "archive.json")}`);
    }
    say("announce the edition on chain: whitepay group publish-manifest ROOT");
  } finally {
    await folder.close();
  }
}
