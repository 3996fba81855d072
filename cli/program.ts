/** The commands. A command's module is loaded only when the command runs, so that help is fast. */
import { readFileSync } from "node:fs";
import { Command } from "commander";

export type CommandModule = {
  /** `commands`: all commands of the program, for completions. */
  register(program: Command, commands: readonly CommandEntry[]): void | Promise<void>;
};

export type CommandEntry = {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
};

/** The installed commands. A clone of the repository has more: scripts/whitepay.ts. */
export const commands: readonly CommandEntry[] = [
  {
    name: "inspect",
    summary: "evaluate one rule of the protocol, or verify one settlement",
    load: () => import("./inspect/index.ts"),
  },
  {
    name: "sim",
    summary: "run fault scenarios in a simulated world",
    load: () => import("./sim/index.ts"),
  },
  {
    name: "keeper",
    summary: "create, register, check and run a keeper",
    load: () => import("./keeper/index.ts"),
  },
  {
    name: "group",
    summary: "pay for storage: quote, create, fund, watch and end a group, retrieve its data",
    load: () => import("./group/index.ts"),
  },
  {
    name: "store",
    summary: "store files and folders with several providers, and pay for it",
    load: () => import("./store/store.ts"),
  },
  {
    name: "get",
    summary: "read stored files and folders back",
    load: () => import("./store/get.ts"),
  },
  {
    name: "list",
    summary: "list what is stored, with the copies that were proven lately",
    load: () => import("./store/list.ts"),
  },
  {
    name: "status",
    summary: "show what is stored, where, how well, and until when it is paid for",
    load: () => import("./store/status.ts"),
  },
  {
    name: "remove",
    summary: "stop storing files and folders",
    load: () => import("./store/remove.ts"),
  },
  {
    name: "repair",
    summary: "make copies anew whose providers fail or leave",
    load: () => import("./store/repair.ts"),
  },
  {
    name: "share",
    summary: "let a peer, or anybody, read an item at its providers",
    load: () => import("./reading/share.ts"),
  },
  {
    name: "unshare",
    summary: "end permissions to read",
    load: async () => ({ register: (await import("./reading/share.ts")).registerUnshare }),
  },
  {
    name: "reader",
    summary: "print the peer id to which a payer can give permission to read",
    load: () => import("./reading/reader.ts"),
  },
  {
    name: "fetch",
    summary: "read a piece by its root from any sources, and verify it",
    load: () => import("./reading/fetch.ts"),
  },
  {
    name: "provider",
    summary: "store data, answer challenges",
    load: () => import("./provider/index.ts"),
  },
  {
    name: "archive",
    summary: "manifests of archives: import, verify and plan them, and show what is proven",
    load: () => import("./archive/index.ts"),
  },
  {
    name: "ceremony",
    summary: "run a trusted-setup ceremony: organise it, contribute to it, verify all of it",
    load: () => import("./ceremony/index.ts"),
  },
  {
    name: "payee",
    summary: "change the address that receives a keeper's or provider's money",
    load: () => import("./payee/index.ts"),
  },
  {
    name: "committee",
    summary: "form, show, join and change committees",
    load: () => import("./committee/index.ts"),
  },
  {
    name: "providers",
    summary: "list the registered providers with their record on the chain",
    load: async () => ({ register: (await import("./discover/index.ts")).registerProviders }),
  },
  {
    name: "keepers",
    summary: "list the registered keepers with their record on the chain",
    load: async () => ({ register: (await import("./discover/index.ts")).registerKeepers }),
  },
  {
    name: "deploy",
    summary: "put the contracts on a chain",
    load: () => import("./deploy/index.ts"),
  },
  {
    name: "config",
    summary: "show a keeper's configuration and the source of each value",
    load: () => import("./keeper/show-config.ts"),
  },
  {
    name: "ledger",
    summary: "rebuild or export a keeper's ledger",
    load: () => import("./keeper/ledger.ts"),
  },
  {
    name: "presets",
    summary: "list the chains that have presets",
    load: () => import("./presets.ts"),
  },
  {
    name: "completion",
    summary: "print completions for a shell",
    load: () => import("./completion.ts"),
  },
];

function version(): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL("../package.json", import.meta.url), "utf8"),
  );
  return manifest.version;
}

/** Loads the modules of the commands that `isLoaded` accepts; the others have a summary only. */
export async function buildProgram(
  entries: readonly CommandEntry[],
  isLoaded: (name: string) => boolean,
): Promise<Command> {
  const program = new Command("whitepay")
    .description(
      "Keepers check storage providers over time, agree on what was proven, and pay for it on chain.",
    )
    .version(version(), "-V, --version")
    // `--version` after a command is that command's own option.
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError("(whitepay --help lists the commands, whitepay COMMAND --help their options)")
    .showSuggestionAfterError(true);
  for (const { name, summary, load } of entries) {
    if (isLoaded(name)) await (await load()).register(program, entries);
    else program.command(name).description(summary).usage("[command] [options]");
  }
  return program;
}
