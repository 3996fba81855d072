/** `whitepay provider check`: checks everything that a provider needs, and prints remedies. */
import type { Command } from "commander";
import { jsonOption } from "../console/options.ts";
import { reportChecks } from "../preflight/report.ts";
import { configOption, loadProvider } from "./context.ts";

type CheckOptions = { readonly config?: string; readonly json?: boolean };

export function registerCheck(provider: Command): void {
  const check = configOption(provider.command("check")).description(
    "check keys, chain, registration, groups, stored data, offer, ports and disks; exit 0 if nothing fails",
  );
  jsonOption(check).action(async (options: CheckOptions) => {
    const config = await loadProvider(options);
    const { preflight } = await import("./preflight.ts");
    reportChecks(await preflight(config), options.json === true);
  });
}
