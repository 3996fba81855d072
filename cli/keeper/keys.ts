/** `whitepay keeper keys …`: lists, exports and imports a keeper's keys; files are always encrypted. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";
import { whyNot } from "../../storage/disk/file-words.ts";
import {
  describeKeys,
  KeyFileError,
  keyNames,
  openKey,
  readKeyFile,
  readPasswordFile,
  sealKey,
  writeKeyFile,
  keyFile,
} from "../../daemon/keys/keystore.ts";
import type { KeyDescription, KeyName } from "../../daemon/keys/keystore.ts";
import type { ConfigOptions } from "./context.ts";
import { asKeeperFailure, configOptions, keysPassword, loadConfig } from "./context.ts";
import { choiceOption, jsonOption } from "../console/options.ts";
import { kdfOption, warnOfLightKdf, type Kdf } from "../console/key-options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { mustNotExist } from "../console/output-file.ts";
import { askPassword } from "../console/prompt.ts";

type KeysOptions = ConfigOptions & {
  readonly file?: string;
  readonly out?: string;
  readonly fromPasswordFile?: string;
  readonly newPasswordFile?: string;
  readonly kdf?: Kdf;
};

const formats = "operator: Ethereum JSON keystore v3; bls: EIP-2335; peer: EIP-2335 or a libp2p protobuf key";

export async function registerKeys(keeper: Command): Promise<void> {
  const keys = keeper.command("keys").description("the keeper's three keys: operator, bls and peer");
  const list = keys.command("list").description("print the public keys; needs no password");
  (await configOptions(jsonOption(list))).action((options: KeysOptions) =>
    asKeeperFailure(() => listKeys(options)),
  );
  const out = keys
    .command("export")
    .description(`write one key to an encrypted file (${formats})`)
    .argument("<key>", keyNames.join(", "), choiceOption("key", keyNames))
    .requiredOption("--out <file>", "file to write (mode 600); must not exist")
    .option("--new-password-file <file>", "encrypt it with this password instead of the keys' password");
  (await configOptions(jsonOption(out))).action((name: KeyName, options: KeysOptions) =>
    asKeeperFailure(() => exportKey(name, options)),
  );
  const into = keys
    .command("import")
    .description(`import a key from a file (${formats})`)
    .argument("<key>", keyNames.join(", "), choiceOption("key", keyNames))
    .requiredOption("--file <file>", "the key's file")
    .option("--from-password-file <file>", "its password, if it differs from the keys' password");
  (await configOptions(jsonOption(kdfOption(into)))).action((name: KeyName, options: KeysOptions) =>
    asKeeperFailure(() => importKey(name, options)),
  );
}

async function withPeerId(
  description: KeyDescription,
): Promise<KeyDescription & { readonly peerId?: string }> {
  if (description.name !== "peer") return description;
  const { publicKeyFromRaw } = await import("@libp2p/crypto/keys");
  const { peerIdFromPublicKey } = await import("@libp2p/peer-id");
  const key = publicKeyFromRaw(Buffer.from(description.public, "hex"));
  return { ...description, peerId: peerIdFromPublicKey(key).toString() };
}

async function listKeys(options: KeysOptions): Promise<void> {
  const { config } = await loadConfig(options);
  const keys = await Promise.all((await describeKeys(config.keys)).map(withPeerId));
  if (options["json"] === true) return printJson({ keys });
  for (const { name, public: key, file, light, peerId } of keys) {
    printLine(`${name.padEnd(9)} ${peerId ?? key}  ${file}${light ? "  (light kdf: devnets only)" : ""}`);
  }
}

async function exportKey(name: KeyName, options: KeysOptions): Promise<void> {
  const { config } = await loadConfig(options);
  const { out = "", newPasswordFile } = options;
  const text = await readKeyFile(config.keys, name);
  await mustNotExist(out, "name another file");
  let sealed = text;
  if (newPasswordFile !== undefined) {
    const secret = await openKey(name, text, await keysPassword(config), keyFile(config.keys, name));
    sealed = await sealKey(name, secret, await readPasswordFile(newPasswordFile), "full");
  }
  await writeFileAtomic(out, sealed, 0o600);
  if (options["json"] === true) printJson({ key: name, file: out });
  else
    say(
      `the ${name} key is in ${out}, encrypted with ${newPasswordFile === undefined ? "the same" : "the new"} password`,
    );
}

/** The seed of a libp2p private key in protobuf; undefined if it is not ed25519. */
async function seedOfProtobuf(bytes: Uint8Array): Promise<`0x${string}` | undefined> {
  const { privateKeyFromProtobuf } = await import("@libp2p/crypto/keys");
  try {
    const key = privateKeyFromProtobuf(bytes);
    return key.type === "Ed25519" ? `0x${Buffer.from(key.raw.subarray(0, 32)).toString("hex")}` : undefined;
  } catch {
    return undefined;
  }
}

/** Detects a mistyped password now, not at the start of the keeper: the existing keys must open with it. */
async function mustOpen(folder: string, imported: KeyName, password: string): Promise<void> {
  for (const name of keyNames.filter((each) => each !== imported)) {
    const text = await readKeyFile(folder, name).catch(() => undefined);
    if (text === undefined) continue;
    await openKey(name, text, password, keyFile(folder, name));
    return;
  }
}

async function importKey(name: KeyName, options: KeysOptions): Promise<void> {
  const { config } = await loadConfig(options);
  const { file = "", fromPasswordFile, kdf = "full" } = options;
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new KeyFileError(`${file}: cannot be read: ${whyNot(error)}`);
  });
  const password = await keysPassword(config);
  await mustOpen(config.keys, name, password);
  let secret = name === "peer" ? await seedOfProtobuf(bytes) : undefined;
  if (secret === undefined) {
    const from =
      fromPasswordFile === undefined
        ? await passwordOfImport(file, config.passwordFile, password)
        : await readPasswordFile(fromPasswordFile);
    secret = await openKey(name, bytes.toString("utf8"), from, file);
  }
  warnOfLightKdf(kdf);
  await writeKeyFile(config.keys, name, await sealKey(name, secret, password, kdf));
  const imported = keyFile(config.keys, name);
  if (options["json"] === true) printJson({ key: name, file: imported });
  else say(`the ${name} key is in ${imported}`);
  if (name !== "peer") {
    say(
      "if another keeper has used this key: stop that keeper permanently, and import its signing history before you start this one",
    );
  }
}

/** Asks for the password; with a password file it tries the keys' password instead. */
async function passwordOfImport(
  file: string,
  passwordFile: string | undefined,
  own: string,
): Promise<string> {
  return passwordFile === undefined ? askPassword(`Password of ${file}:`, "--from-password-file FILE") : own;
}
