/** `whitepay keeper init`: creates keys, configuration and data folder of a new keeper from flags or questions. */
import { chmod, mkdir } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { stringify } from "yaml";
import { listenAddresses } from "../../daemon/listen.ts";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";
import { announceStep } from "../console/dialable.ts";
import { isUndialable } from "../../daemon/peers/addresses.ts";
import { asKeeperFailure } from "./context.ts";
import { addressOption, choiceOption, integerOption, jsonOption } from "../console/options.ts";
import { kdfOption, newPassword, warnOfLightKdf, type Kdf } from "../console/key-options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { mustNotExist } from "../console/output-file.ts";
import { freePortFrom } from "../../daemon/free-port.ts";
import { presetNames, presets } from "../chain/presets.ts";
import { askText, hasTerminal } from "../console/prompt.ts";

type InitOptions = {
  readonly dir: string;
  readonly preset?: string;
  readonly chainId?: number;
  readonly rpc?: string[];
  readonly registry?: string;
  readonly factories?: string[];
  readonly lens?: string;
  readonly listen?: string[];
  readonly announce?: string[];
  readonly passwordFile?: string;
  readonly kdf: Kdf;
  readonly json?: boolean;
};

type Parts = {
  chainId: number;
  rpc: string[];
  registry: string;
  factories: string[];
  listen: string[];
  announce: string[] | undefined;
};

export function registerInit(keeper: Command): void {
  const init = keeper
    .command("init")
    .description("create keys, a config file and a data folder; asks for values without a flag")
    .option("--dir <folder>", "folder for them", ".")
    .option(
      "--preset <chain>",
      `chain with known parameters: ${presetNames.join(", ")}`,
      choiceOption("--preset", presetNames),
    )
    .option("--chain-id <id>", "id of the chain", integerOption("--chain-id", { min: 1 }))
    .option("--rpc <urls...>", "RPC endpoints; two or more detect one that lies or lags")
    .option("--registry <address>", "the Registry contract", addressOption("--registry"))
    .option("--factories <addresses...>", "UpkeepingFactory contracts, whose committees the keeper follows")
    .option("--lens <address>", "the Lens contract, for withdrawals", addressOption("--lens"))
    .option(
      "--listen <multiaddrs...>",
      "addresses to listen on (default: /ip4/0.0.0.0/tcp/4001, or the next free port)",
    )
    .option("--announce <multiaddrs...>", "addresses that others dial, if they differ from --listen (NAT)")
    .option("--password-file <file>", "file whose first line is the password of the keys");
  jsonOption(kdfOption(init)).action((options: InitOptions) => asKeeperFailure(() => initKeeper(options)));
}

async function gather(options: InitOptions): Promise<Parts> {
  const preset = presets.find(({ name }) => name === options.preset);
  const missing = (flag: string) => ({ instead: `give --${flag}` });
  const ask = async (
    given: string | undefined,
    question: string,
    flag: string,
    initial?: string,
  ): Promise<string> =>
    given ?? askText(question, { ...missing(flag), ...(initial === undefined ? {} : { initial }) });
  const chain = options.chainId ?? preset?.chainId;
  const chainText = await ask(chain?.toString(), "Chain id:", "chain-id");
  const rpc = await ask(options.rpc?.join(","), "Chain endpoints, separated by commas:", "rpc", preset?.rpc);
  const registry = await ask(options.registry, "Address of the Registry contract:", "registry");
  const factories = await ask(
    options.factories?.join(","),
    "Addresses of the UpkeepingFactory contracts, separated by commas:",
    "factories",
  );
  const listen = options.listen ?? [await listenDefault(ask)];
  const others = "Address that others dial, /ip4/ADDRESS/tcp/PORT (empty: set it later):";
  const asks = options.announce === undefined && listen.some(isUndialable) && hasTerminal();
  const announced = asks ? await askText(others, missing("announce")) : "";
  return {
    announce: options.announce ?? (announced === "" ? undefined : announced.split(",")),
    chainId: integerOption("chain id", { min: 1 })(chainText),
    rpc: rpc.split(",").map((url) => url.trim()),
    registry: addressOption("registry")(registry),
    factories: factories.split(",").map((address) => addressOption("factories")(address.trim())),
    listen,
  };
}

async function listenDefault(
  ask: (given: undefined, question: string, flag: string, initial: string) => Promise<string>,
): Promise<string> {
  const free = `/ip4/0.0.0.0/tcp/${await freePortFrom(4001, "0.0.0.0")}`;
  return hasTerminal() ? ask(undefined, "Listen on:", "listen", free) : free;
}

async function initKeeper(options: InitOptions): Promise<void> {
  const { parseConfigText } = await import("../../keeper/config.ts");
  const { describeKeys, writeKeys } = await import("../../daemon/keys/keystore.ts");
  const { newKeeperKeys, peerIdOf } = await import("../../daemon/keys/generate.ts");
  const folder = resolve(options.dir);
  const file = join(folder, "keeper.yaml");
  const keysFolder = join(folder, "keys");
  for (const path of [file, keysFolder])
    await mustNotExist(path, "choose another --dir; keys are never overwritten");
  const { chainId, rpc, registry, factories, listen, announce } = await gather(options);
  const { passwordFile, lens } = options;
  const listened = listenAddresses(listen).map(({ port }) => port);
  const api = { host: "127.0.0.1", port: await freePortFrom(9464, "127.0.0.1", listened) };
  const config = {
    dataDir: "data",
    chain: { id: chainId, rpc, registry, factories, ...(lens === undefined ? {} : { lens }) },
    listen,
    ...(announce === undefined ? {} : { announce }),
    keys: "keys",
    ...(passwordFile === undefined ? {} : { passwordFile: relative(folder, resolve(passwordFile)) }),
    api,
  };
  const text = `# A keeper's configuration; docs/run-a-keeper.md explains each key.\n${stringify(config)}`;
  parseConfigText(text, file);
  const password = await newPassword(passwordFile);
  warnOfLightKdf(options.kdf);
  await mkdir(join(folder, "data"), { recursive: true, mode: 0o700 });
  await chmod(join(folder, "data"), 0o700);
  const secrets = newKeeperKeys();
  await writeKeys(keysFolder, secrets, password, options.kdf);
  await writeFileAtomic(file, text, 0o600);
  report({
    config: file,
    keys: keysFolder,
    dataDir: join(folder, "data"),
    operator: (await describeKeys(keysFolder))[0]?.public ?? "",
    peerId: await peerIdOf(secrets.peer),
    listen,
    announce,
    api,
    json: options.json === true,
  });
}

type Created = {
  readonly config: string;
  readonly keys: string;
  readonly dataDir: string;
  readonly operator: string;
  readonly peerId: string;
  readonly listen: readonly string[];
  readonly announce: readonly string[] | undefined;
  readonly api: { readonly host: string; readonly port: number };
  readonly json: boolean;
};

function report({ json, announce, ...created }: Created): void {
  if (json) return printJson(created);
  const { config, keys, operator, peerId, listen, api } = created;
  printLine(`config    ${config}`);
  printLine(`keys      ${keys}`);
  printLine(`operator  ${operator}`);
  printLine(`peer id   ${peerId}`);
  printLine(`listens   ${listen.join(", ")}`);
  printLine(`api       http://${api.host}:${api.port}`);
  say(`next: back up ${keys} and its password, send coin to the operator, then${announceStep(config, listen, announce)}
  whitepay keeper register --config ${config} --payee ADDRESS
  whitepay keeper check --config ${config}
  whitepay keeper run --config ${config}`);
}
