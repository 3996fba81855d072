/** The strength with which a command encrypts new key files. */
import type { Command } from "commander";
import { choiceOption } from "./options.ts";
import { say } from "./output.ts";

export type Kdf = "full" | "light";

export function kdfOption(command: Command): Command {
  return command.option(
    "--kdf <strength>",
    "key derivation: full, or light (fast to open and easy to guess: devnets only)",
    choiceOption("--kdf", ["full", "light"]),
    "full",
  );
}

export function warnOfLightKdf(kdf: Kdf): void {
  if (kdf === "light")
    say("warning: --kdf light: a copy of these key files reveals a weak password quickly; for devnets only");
}
