/** `whitepay provider …`: store data, sign for it, answer challenges. */
import type { Command } from "commander";
import { registerCheck } from "./check.ts";
import { registerData } from "./pieces.ts";
import { registerEarnings } from "./earnings.ts";
import { registerInit } from "./init.ts";
import { registerOffer } from "./offer.ts";
import { registerRegister } from "./register.ts";
import { registerRedeem } from "./redeem.ts";
import { registerRequests } from "./requests.ts";
import { registerRights } from "./rights.ts";
import { registerRun } from "./run.ts";
import { registerStatus } from "./status.ts";
import { registerVolunteer } from "./volunteer/index.ts";
import { registerVolumes } from "./volumes.ts";

export function register(program: Command): void {
  const provider = program.command("provider").description("store data, answer challenges");
  registerInit(provider);
  registerData(provider);
  registerRegister(provider);
  registerOffer(provider);
  registerCheck(provider);
  registerRun(provider);
  registerStatus(provider);
  registerVolumes(provider);
  registerVolunteer(provider);
  registerRequests(provider);
  registerEarnings(provider);
  registerRedeem(provider);
  registerRights(provider);
}
