/** `whitepay archive …`: manifests of archives, and how their copies stand (R46). */
import type { Command } from "commander";
import { register as registerPlan } from "./plan.ts";
import { register as registerStatus } from "./status.ts";

export function register(program: Command): void {
  const archive = program
    .command("archive")
    .description("manifests of archives: who stores them, and what is proven");
  registerStatus(archive);
  registerPlan(archive);
}
