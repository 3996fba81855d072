/** All checks before a provider runs, in the order in which they are printed. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { formatEther, type JsonRpcProvider } from "ethers";
import { dataAt, GroupView } from "../../client/group-view.ts";
import { registeredProvider, registryAt } from "../../client/registry.ts";
import { readToken } from "../../client/token.ts";
import { describeKeys, providerKeyNames, readPasswordFile } from "../../daemon/keys/keystore.ts";
import { counted } from "../../protocol/counted.ts";
import { openAnswers } from "../../provider/answers-level.ts";
import { FolderInUseError } from "../../provider/open-level.ts";
import { loadKeys } from "../../provider/config.ts";
import type { ProviderConfig, ProviderKeys } from "../../provider/config.ts";
import { providerIdentity } from "../../provider/identity.ts";
import { openStore } from "../../provider/ingest.ts";
import { priceIn } from "../../provider/offer.ts";
import { toHex } from "../../storage/core/bytes.ts";
import type { PieceStore } from "../../storage/disk/store.ts";
import { fail, ok, warn, type CheckItem } from "../console/check-item.ts";
import { exitCodes } from "../console/exit.ts";
import { formatBytes } from "../console/progress.ts";
import { checkEndpoints } from "../preflight/endpoints.ts";
import { guarded } from "../preflight/guarded.ts";
import { checkDisk, checkPorts } from "../preflight/machine.ts";

type Checked = {
  readonly config: ProviderConfig;
  readonly provider: JsonRpcProvider;
  readonly store: PieceStore;
  /** Address; undefined if the key files cannot be read. */
  readonly operator: string;
  /** Undefined if there is no password file. */
  readonly keys: ProviderKeys | undefined;
};

/** True if a process holds the answers. The lock belongs to the operating system, so a killed provider holds none. */
async function providerRuns(folder: string): Promise<boolean> {
  if (!existsSync(folder)) return false;
  try {
    const answers = await openAnswers(folder);
    await answers.close();
    return false;
  } catch (error) {
    return error instanceof FolderInUseError;
  }
}

type KeysFound = { readonly item: CheckItem; readonly operator?: string; readonly keys?: ProviderKeys };

async function checkKeys(config: ProviderConfig): Promise<KeysFound> {
  const name = "keys";
  try {
    const described = await describeKeys(config.keys, providerKeyNames);
    const key = described.find((one) => one.name === "operator")?.public;
    const operator = config.operator ?? key ?? "";
    if (config.passwordFile === undefined) {
      const remedy = "set passwordFile, or type the password at each start";
      return { item: warn(name, `${config.keys}; not opened`, remedy), operator };
    }
    const keys = await loadKeys(config.keys, await readPasswordFile(config.passwordFile));
    const found = `${config.keys} opens with the password file`;
    const light = described.filter((one) => one.light).map((one) => one.name);
    const weak = `${found}; light: ${light.join(", ")}`;
    const item =
      light.length === 0 ? ok(name, found) : warn(name, weak, "use keys of full strength outside a devnet");
    return { item, operator, keys };
  } catch (error) {
    const remedy = "correct keys and passwordFile, or restore the files";
    return { item: fail(name, (error as Error).message, remedy, exitCodes.usage) };
  }
}

async function checkRegistration({ config, provider, operator, keys }: Checked): Promise<CheckItem> {
  const name = "registry";
  const { registry } = config.chain;
  if ((await provider.getCode(registry)) === "0x")
    return fail(name, `no contract at ${registry}`, "correct chain.registry", exitCodes.usage);
  const entry = await registeredProvider(registryAt(registry, provider), operator);
  if (entry.registeredAt === 0) {
    return fail(name, `${operator} is not registered`, "whitepay provider register --payee ADDRESS");
  }
  if (keys !== undefined && entry.peerId !== (await providerIdentity(keys)).peerIdBytes) {
    const remedy = "update it: whitepay provider register";
    return fail(name, "the registered peer key differs from the key file", remedy);
  }
  const own = config.announce.length > 0 ? config.announce : config.listen;
  const found = `registered at ${entry.multiaddrs.join(", ")}`;
  if (JSON.stringify(own) === JSON.stringify(entry.multiaddrs)) return ok(name, found);
  const remedy = `the config has ${own.join(", ")}; update the entry: whitepay provider register`;
  return warn(name, found, remedy);
}

async function checkLens({ config, provider }: Checked): Promise<CheckItem> {
  const { lens } = config.chain;
  if (lens === undefined) {
    const remedy = "set chain.lens: status and withdraw need it, and the dashboard for each payer's runway";
    return warn("lens", "none configured", remedy);
  }
  if ((await provider.getCode(lens)) !== "0x") return ok("lens", lens);
  return fail("lens", `no contract at ${lens}`, "correct chain.lens", exitCodes.usage);
}

async function checkGroup({ config, provider, operator, store }: Checked, group: string): Promise<CheckItem> {
  const { lens } = config.chain;
  if (lens === undefined) return warn("group", `${group}: not read`, "set chain.lens");
  const view = new GroupView(provider, { address: group, lens });
  const index = await view.providerOf(operator);
  if (index === undefined) {
    const remedy = "send the payer a consent: whitepay provider consent";
    return warn("group", `${group}: ${operator} is no provider of it`, remedy);
  }
  const [account] = await view.providerPage(index, 1);
  const head = await provider.getBlockNumber();
  const data = account === undefined ? undefined : dataAt(account.data, head);
  if (data === undefined) return ok("group", `${group}: nothing is committed now`);
  const lists = await store.currentLists();
  const found = `${group}: ${formatBytes(Number(data.bytes))} committed`;
  if (lists.some(({ list }) => toHex(list.root) === data.listRoot.toLowerCase())) return ok("group", found);
  const remedy = "ingest the same files again: whitepay provider ingest";
  return fail("group", `${found}, but its list ${data.listRoot} is not stored`, remedy);
}

/** Most damaged pieces that one item names. */
const namedFaults = 3;

async function checkData(store: PieceStore): Promise<CheckItem> {
  const lists = await store.currentLists();
  const pieces = lists.flatMap(({ list }) => [...list.pieces]);
  const faults: string[] = [];
  for (const piece of pieces) {
    const fault = await store.faultOf(piece);
    if (fault !== undefined) faults.push(fault);
  }
  if (pieces.length === 0) {
    return warn("data", "nothing is stored yet", "whitepay provider ingest FILES, or offer room to payers");
  }
  const found = `${counted(pieces.length, "piece")} in ${counted(lists.length, "list")}`;
  if (faults.length === 0) return ok("data", found);
  const text = `${found}; ${counted(faults.length, "fault")}: ${faults.slice(0, namedFaults).join("; ")}`;
  return fail("data", text, "ingest the files again; whitepay provider status names all faults");
}

async function checkVolumes(store: PieceStore): Promise<CheckItem[]> {
  return (await store.volumes.look()).map(({ path, condition, reason, freeBytes }) => {
    const found = `${path}: ${condition}, ${formatBytes(freeBytes)} free`;
    if (condition !== "gone" && condition !== "read-only") return ok("volume", found);
    return fail("volume", `${path}: ${condition}: ${reason}`, "mount the disk, or correct volumes");
  });
}

async function checkOffer({ config: { offer }, provider }: Checked): Promise<CheckItem> {
  const name = "offer";
  if (offer === undefined)
    return warn(name, "nothing is offered", "whitepay provider offer, if payers shall store by themselves");
  for (const factory of offer.factories) {
    if ((await provider.getCode(factory)) === "0x") {
      return fail(name, `no contract at the factory ${factory}`, "correct offer.factories", exitCodes.usage);
    }
  }
  for (const { token, perMonth } of offer.prices) {
    const { decimals } = await readToken(provider, token);
    priceIn(perMonth, decimals, offer.blockTime_s);
  }
  return ok(name, `prices in ${counted(offer.prices.length, "token")}`);
}

/** Only registering, leaving and withdrawing cost coin. */
async function checkFunds({ provider, operator }: Checked): Promise<CheckItem> {
  const balance = await provider.getBalance(operator);
  const found = `${formatEther(balance)} at ${operator}`;
  if (balance > 0n) return ok("funds", found);
  return warn("funds", found, "send coin to the operator: registering, leaving and withdrawing cost some");
}

async function checkOnChain(checked: Checked): Promise<CheckItem[]> {
  const items = [
    await guarded("registry", () => checkRegistration(checked)),
    await guarded("lens", () => checkLens(checked)),
    await guarded("funds", () => checkFunds(checked)),
  ];
  for (const group of checked.config.groups)
    items.push(await guarded("group", () => checkGroup(checked, group)));
  return [...items, await guarded("offer", () => checkOffer(checked))];
}

const diskNeed = "a provider that cannot store an answer gives none";

/** Runs all checks; checks of the chain are left out if no endpoint of the configured chain answers. */
export async function preflight(config: ProviderConfig): Promise<CheckItem[]> {
  const running = await providerRuns(join(config.dataDir, "answers"));
  const { item, operator, keys } = await checkKeys(config);
  const store = await openStore(config);
  const { provider, items: endpoints } = await checkEndpoints(config);
  const items = [item, ...endpoints];
  if (provider !== undefined) {
    try {
      if (operator !== undefined)
        items.push(...(await checkOnChain({ config, provider, store, operator, keys })));
    } finally {
      provider.destroy();
    }
  }
  return [
    ...items,
    await guarded("data", () => checkData(store)),
    ...(await checkVolumes(store)),
    ...(await checkPorts(config, running)),
    await checkDisk(config, diskNeed),
  ];
}
