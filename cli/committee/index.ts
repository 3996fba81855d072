/** `whitepay committee …`: forms, shows and changes committees (R37, R38). */
import type { Command } from "commander";
import { registerAccept, registerJoin } from "./accept.ts";
import { registerCreate } from "./create.ts";
import { registerPropose } from "./propose.ts";
import { registerShow } from "./show.ts";

export async function register(program: Command): Promise<void> {
  const committee = program
    .command("committee")
    .description("form and show committees; a keeper joins them, proposes and accepts changes");
  registerCreate(committee);
  registerShow(committee);
  await registerJoin(committee);
  await registerPropose(committee);
  await registerAccept(committee);
}
