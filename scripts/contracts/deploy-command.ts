/** `whitepay deploy` in a clone: compiles the contracts first. */
import type { Command } from "commander";
import { register as registerInstalled } from "../../cli/deploy/index.ts";
import { compileContracts } from "./compile.ts";

export function register(program: Command): void {
  registerInstalled(program);
  program.commands
    .find((command) => command.name() === "deploy")
    ?.hook("preAction", () => compileContracts());
}
