/** `whitepay group key`: creates the payer's encrypted key file, with a new or an existing private key. */
import type { Command } from "commander";
import { computeAddress } from "ethers";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";
import { asKeeperFailure } from "../keeper/context.ts";
import { jsonOption } from "../console/options.ts";
import { kdfOption, newPassword, warnOfLightKdf, type Kdf } from "../console/key-options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { mustNotExist } from "../console/output-file.ts";

type KeyOptions = {
  readonly out: string;
  readonly fromFile?: string;
  readonly passwordFile?: string;
  readonly kdf: Kdf;
  readonly json?: boolean;
};

export function registerKey(group: Command): void {
  const command = group
    .command("key")
    .description(
      "create the payer's key, an Ethereum JSON keystore of mode 0600 (keystores of other wallets work too)",
    )
    .option("--out <file>", "file to write", "payer.json")
    .option("--from-file <file>", "read the private key (0x and 64 hex digits) from this file of mode 0600")
    .option("--password-file <file>", "file whose first line is the password of the key");
  jsonOption(kdfOption(command)).action((options: KeyOptions) => asKeeperFailure(() => makeKey(options)));
}

async function makeKey({ out, fromFile, passwordFile, kdf, json }: KeyOptions): Promise<void> {
  const { checkSecret, readPrivate, sealKey } = await import("../../daemon/keys/keystore.ts");
  const { randomSecret } = await import("../../daemon/keys/generate.ts");
  await mustNotExist(out, "name another file with --out");
  warnOfLightKdf(kdf);
  const secret =
    fromFile === undefined
      ? randomSecret()
      : ((await readPrivate(fromFile, "the key")).trim() as `0x${string}`);
  checkSecret("operator", secret, fromFile ?? "new key");
  const password = await newPassword(passwordFile);
  await writeFileAtomic(out, await sealKey("operator", secret, password, kdf), 0o600);
  const address = computeAddress(secret);
  if (json === true) return printJson({ address, file: out });
  printLine(`payer     ${address}`);
  printLine(`key       ${out}`);
  say(
    "back up the file and its password: both together control the money, and without either one it is lost",
  );
}
