/** Clients that can run a fleet's chain: Hardhat's node, and foundry's anvil from an npm package that contains the binary. */
import { createRequire } from "node:module";
import { usageError } from "../../cli/console/exit.ts";

export const chainClients = ["hardhat", "anvil"] as const;
export type ChainClient = (typeof chainClients)[number];

const platforms: Readonly<Record<string, string>> = {
  "linux x64": "@foundry-rs/anvil-linux-amd64/bin/anvil",
};

/** Path of the binary. @throws CliError (exit 2) if there is none for this machine */
export function anvilBinary(): string {
  const platform = `${process.platform} ${process.arch}`;
  const hint = "leave out --client: Hardhat's node runs everywhere";
  const path = platforms[platform];
  if (path === undefined) {
    throw usageError("anvil is not here", {
      expected: Object.keys(platforms).join(", "),
      actual: platform,
      hint,
    });
  }
  try {
    return createRequire(import.meta.url).resolve(path);
  } catch {
    throw usageError("anvil is not installed", {
      expected: `the optional package behind ${path}`,
      actual: "none",
      hint: `install with optional packages, or ${hint}`,
    });
  }
}
