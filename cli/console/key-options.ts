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

/** The password for new keys: from a file, or from a question that is asked twice. */
export async function newPassword(passwordFile: string | undefined): Promise<string> {
  const { readPasswordFile } = await import("../../daemon/keys/keystore.ts");
  if (passwordFile !== undefined) return readPasswordFile(passwordFile);
  const { askPassword } = await import("./prompt.ts");
  return askPassword("Password for the new keys:", "give --password-file FILE (mode 600)", true);
}

export function warnOfLightKdf(kdf: Kdf): void {
  if (kdf === "light")
    say("warning: --kdf light: a copy of these key files reveals a weak password quickly; for devnets only");
}
