/** The contents of the packages: one table for the build and its tests. */

import { dashboardFolders } from "../paths.ts";

export type CodePackage = {
  readonly name: string;
  /** Its manifest in this repository; the build adds what only a built package has. */
  readonly manifest: string;
  /** Modules where the walk over imports starts; what they import comes along, and the worker threads too. */
  readonly entries: readonly string[];
  /** Whether declarations (.d.ts) come along. */
  readonly declarations: boolean;
  /** Files that the code reads beside its own modules: globs from the project's root. */
  readonly assets: readonly string[];
  /** Packages that no module imports by name, with the module that loads them. */
  readonly loadedByName: Readonly<Record<string, string>>;
};

export const clientPackage: CodePackage = {
  name: "@whitepay/client",
  manifest: "client/package.json",
  entries: ["client/index.ts"],
  declarations: true,
  assets: [],
  loadedByName: {},
};

export const commandPackage: CodePackage = {
  name: "whitepay",
  manifest: "package.json",
  entries: ["cli/bin.ts"],
  declarations: false,
  assets: [
    ...dashboardFolders.map((folder) => `${folder}/*.html`),
    "archive/page/*.css",
    "daemon/page/*.{css,html,svg}",
    "sim/scenarios/*.yaml",
    "sim/trace/page/*",
    "docs/figures/gas-committees.md",
    "docs/figures/gas-groups.md",
    "deploy/*",
    "cli/chain/deployments/*",
    // Documentation of the units.
    "docs/run-a-keeper.md",
    "docs/provide-storage.md",
    "CHANGELOG.md",
  ],
  loadedByName: {
    // TypeORM loads the driver of the database that it is asked for.
    pg: "keeper/adapters/ledger-typeorm/open.ts",
  },
};

/** The command of the package, from its root. */
export const commandFile = "cli/bin.js";

export const contractsPackage = {
  name: "@whitepay/contracts",
  /** Sources below contracts/ that no user of a group needs. */
  without: ["demo", "harness"],
} as const;

export const packageNames: readonly string[] = [
  clientPackage.name,
  commandPackage.name,
  contractsPackage.name,
];

/** The oldest Node that each code package runs on. */
export const engines: Readonly<Record<string, string>> = {
  [clientPackage.name]: ">=20",
  [commandPackage.name]: ">=22.13.0",
};

/** The tarball's file name, as `npm pack` forms it. */
export function tarballName(name: string, version: string): string {
  return `${name.replace("@", "").replace("/", "-")}-${version}.tgz`;
}
