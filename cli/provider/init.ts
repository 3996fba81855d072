/** `whitepay provider init`: creates keys, configuration and data folder of a new provider. */
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { announceStep } from "../console/dialable.ts";
import { addressOption, integerOption, jsonOption } from "../console/options.ts";
import { kdfOption, newPassword, warnOfLightKdf, type Kdf } from "../console/key-options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { freePortFrom } from "../../daemon/free-port.ts";
import { listenAddresses } from "../../daemon/listen.ts";
import { asProviderFailure } from "./context.ts";

type InitOptions = {
  readonly dataDir: string;
  readonly chainId: number;
  readonly rpc: string[];
  readonly registry: string;
  readonly lens?: string;
  readonly listen?: string[];
  readonly announce?: string[];
  readonly group?: string[];
  readonly passwordFile?: string;
  readonly kdf: Kdf;
  readonly json?: boolean;
};

const firstPort = 4_101;
const firstApiPort = 9_465;

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

export function registerInit(provider: Command): void {
  const init = provider
    .command("init")
    .description("create keys, a config file and a data folder")
    .requiredOption("--data-dir <dir>", "folder for config, keys, pieces and answers (mode 0700)")
    .requiredOption("--chain-id <id>", "id of the chain", integerOption("--chain-id", { min: 1 }))
    .requiredOption("--rpc <url>", "RPC endpoint; repeatable", collect)
    .requiredOption("--registry <address>", "the Registry contract", addressOption("--registry"))
    .option("--lens <address>", "the Lens contract, for status and money", addressOption("--lens"))
    .option(
      "--listen <multiaddr>",
      "address to listen on; repeatable (default: this machine's address and a free port, or 127.0.0.1 if the chain is on this machine)",
      collect,
    )
    .option("--announce <multiaddrs...>", "addresses that keepers dial, if they differ from --listen (NAT)")
    .option("--group <address>", "group to serve; repeatable; you can add groups to the file later", collect)
    .option("--password-file <file>", "file whose first line is the password of the keys");
  jsonOption(kdfOption(init)).action((options: InitOptions) => asProviderFailure(initCommand(options)));
}

const loopback = /^https?:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|\/|$)/i;

/** A dialable address with a free port: loopback if the chain is local, else the address of this machine. */
async function listenDefault(rpc: readonly string[]): Promise<string> {
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal);
  const host = rpc.every((url) => loopback.test(url)) ? "127.0.0.1" : (outside?.address ?? "127.0.0.1");
  return `/ip4/${host}/tcp/${await freePortFrom(firstPort, host)}`;
}

async function initCommand(options: InitOptions): Promise<void> {
  const { initProvider, loadKeys } = await import("../../provider/config.ts");
  const { providerIdentity } = await import("../../provider/identity.ts");
  const { dataDir, chainId, rpc, registry, lens, announce, passwordFile, kdf } = options;
  const listen = options.listen ?? [await listenDefault(rpc)];
  const groups = (options.group ?? []).map(addressOption("--group"));
  const host = "127.0.0.1";
  const listened = listenAddresses(listen).map(({ port }) => port);
  const api = { host, port: await freePortFrom(firstApiPort, host, listened) };
  const password = await newPassword(passwordFile);
  warnOfLightKdf(kdf);
  const paths = await initProvider({
    dataDir,
    chainId,
    rpc,
    registry,
    listen,
    groups,
    api,
    password,
    kdf,
    ...(lens === undefined ? {} : { lens }),
    ...(announce === undefined ? {} : { announce }),
    ...(passwordFile === undefined ? {} : { passwordFile }),
  });
  const identity = await providerIdentity(await loadKeys(paths.keys, password));
  if (options.json === true) return printJson({ ...paths, ...identity, listen, announce, api });
  printLine(`config    ${paths.config}`);
  printLine(`keys      ${paths.keys}`);
  printLine(`operator  ${identity.operator}`);
  printLine(`receipts  ${identity.receiptKey}`);
  printLine(`peer id   ${identity.peerId}`);
  printLine(`listens   ${listen.join(", ")}`);
  printLine(`api       http://${api.host}:${api.port}`);
  const of = `--config ${join(dataDir, "provider.yaml")}`;
  say(`next: back up ${paths.keys} and its password, send coin to the operator, then${announceStep(paths.config, listen, announce)}
  whitepay provider ingest FILES ${of}
  whitepay provider register --payee ADDRESS ${of}`);
}
