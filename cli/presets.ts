/** `whitepay presets`: prints known chains with their properties and suggested parameters. */
import type { Command } from "commander";
import { usageError } from "./console/exit.ts";
import { quote, jsonOption } from "./console/options.ts";
import { printJson, printLine } from "./console/output.ts";
import { knownDeployments, type Deployment } from "./chain/deployments.ts";
import { presetNames, presets } from "./chain/presets.ts";
import type { Preset } from "./chain/presets.ts";

export function register(program: Command): void {
  const command = program
    .command("presets")
    .description("list chains with block time, finality, EIP-2537 support, suggested parameters and sources")
    .argument("[name]", presetNames.join(", "));
  jsonOption(command).action((name: string | undefined, { json }: { json?: boolean }) => {
    const chosen = presets.filter((preset) => name === undefined || preset.name === name);
    if (chosen.length === 0) {
      throw usageError("unknown preset", { expected: presetNames.join(" | "), actual: quote(name ?? "") });
    }
    const deployments = knownDeployments();
    const whole = chosen.map((preset) => ({ ...preset, deployment: deployments.get(preset.chainId) }));
    if (json === true) return printJson(name === undefined ? { presets: whole } : whole[0]);
    for (const preset of whole) print(preset);
  });
}

function print({
  name,
  title,
  chainId,
  blockTime_s,
  finality,
  eip2537,
  usable,
  why,
  suggested,
  sources,
  deployment,
}: Preset & { readonly deployment: Deployment | undefined }): void {
  printLine(`${name}: ${title}, chain ${chainId}`);
  printLine(`  block time  ${blockTime_s === undefined ? "unknown" : `${blockTime_s} s`}`);
  printLine(`  finality    ${finality}`);
  printLine(`  EIP-2537    ${eip2537}`);
  printLine(`  usable      ${usable === undefined ? "unknown" : usable ? "yes" : "no"}: ${why}`);
  if (suggested !== undefined) {
    printLine(
      `  suggested   ${Object.entries(suggested)
        .map(([key, blocks]) => `${key} ${blocks}`)
        .join(", ")} (blocks)`,
    );
  }
  printLine(
    deployment === undefined
      ? "  deployment  none known"
      : `  deployment  registry ${deployment.registry}, factory ${deployment.factory}, lens ${deployment.lens}`,
  );
  for (const { fact, source, dated } of sources) printLine(`  source      ${fact}: ${source} (${dated})`);
}
