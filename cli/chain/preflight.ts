/** What must hold before a keeper runs, item by item: each graded, each with its remedy. */
import { statfs } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Contract, formatEther, formatUnits, type JsonRpcProvider } from "ethers";
import { describeKeys, openKeys, readPasswordFile } from "../../daemon/keys/keystore.ts";
import { clockOffset, serverDate } from "../../keeper/api/clock-offset.ts";
import { feeLimitsOf } from "../../keeper/config.ts";
import type { KeeperConfig } from "../../keeper/config.ts";
import { listenFault, tcpPlaceOf } from "../../daemon/listen.ts";
import type { KeySecrets } from "../../daemon/keys/keystore.ts";
import { balanceFor, settlementGas, settlementsLeft } from "../../protocol/fees.ts";
import { groupAbi } from "../../client/abi.ts";
import { measureFees } from "../../client/fees.ts";
import { publicKeyOf } from "../../client/bls.ts";
import { GroupView } from "../../client/group-view.ts";
import { exitCodes, explain } from "../console/exit.ts";
import type { ExitCode } from "../console/exit.ts";
import { peerIdBytes } from "../../daemon/keys/generate.ts";
import { formatBytes } from "../console/progress.ts";
import { registeredKeeper, registryAt } from "../../client/registry.ts";
import { connectRpc } from "../../client/connect.ts";
import { expectContract } from "../../client/not-there.ts";
import { keeperRuns } from "../keeper/running.ts";

export type Grade = "ok" | "warn" | "fail";
export type CheckItem = {
  readonly name: string;
  readonly grade: Grade;
  readonly found: string;
  /** What to do; where something is to be done. */
  readonly remedy?: string;
  /** Of the command, if this is the first that fails. */
  readonly code: ExitCode;
};

/** A check as people read it, with what to do behind an arrow; `width` is that of the longest name. */
export function checkLine({ grade, name, found, remedy }: CheckItem, width: number): string {
  return `${grade.padEnd(4)}  ${name.padEnd(width)} ${found}${remedy === undefined ? "" : `\n      → ${remedy}`}`;
}

export const ok = (name: string, found: string): CheckItem => ({
  name,
  grade: "ok",
  found,
  code: exitCodes.ok,
});
export const warn = (name: string, found: string, remedy: string): CheckItem => ({
  name,
  grade: "warn",
  found,
  remedy,
  code: exitCodes.ok,
});
export const fail = (
  name: string,
  found: string,
  remedy: string,
  code: ExitCode = exitCodes.failed,
): CheckItem => ({
  name,
  grade: "fail",
  found,
  remedy,
  code,
});

export const fundedTransactions = 15n;
const lowDisk_bytes = 2 * 1024 ** 3;
const leastDisk_bytes = 256 * 1024 ** 2;
const clockWarn_ms = 200;
const clockFail_ms = 60_000;
const dial_ms = 3_000;

type Keys = {
  readonly items: CheckItem[];
  readonly operator: string | undefined;
  /** Where a password file opens them. */
  readonly secrets?: KeySecrets;
};

async function checkKeys(config: KeeperConfig): Promise<Keys> {
  const name = "keys";
  try {
    const keys = await describeKeys(config.keys);
    const operator = keys.find((key) => key.name === "operator")?.public;
    const light = keys.filter((key) => key.light).map((key) => key.name);
    const { passwordFile } = config;
    if (passwordFile === undefined) {
      return {
        items: [
          warn(name, `${config.keys}; not opened`, "set passwordFile, or be there when the keeper asks"),
        ],
        operator,
      };
    }
    const secrets = await openKeys(config.keys, await readPasswordFile(passwordFile));
    const found = `${config.keys} opens with the password file`;
    if (light.length === 0) return { items: [ok(name, found)], operator, secrets };
    const weak = `${found}; light: ${light.join(", ")}`;
    return { items: [warn(name, weak, "use keys of full strength outside a devnet")], operator, secrets };
  } catch (error) {
    return {
      items: [
        fail(
          name,
          (error as Error).message,
          "correct keys and passwordFile, or restore the files",
          exitCodes.usage,
        ),
      ],
      operator: undefined,
    };
  }
}

async function checkEndpoints(
  config: KeeperConfig,
): Promise<{ items: CheckItem[]; provider: JsonRpcProvider | undefined }> {
  const items: CheckItem[] = [];
  let provider: JsonRpcProvider | undefined;
  for (const url of config.chain.rpc) {
    const { origin } = new URL(url);
    const started = performance.now();
    let candidate: JsonRpcProvider;
    try {
      candidate = await connectRpc(url);
    } catch (error) {
      items.push(
        fail("rpc", (error as Error).message, "check the address, and that the node runs", exitCodes.network),
      );
      continue;
    }
    const latency_ms = Math.round(performance.now() - started);
    const { chainId } = await candidate.getNetwork();
    items.push(ok("rpc", `${origin} answers in ${latency_ms} ms`));
    if (chainId === BigInt(config.chain.id)) {
      items.push(ok("chain id", `${chainId} at ${origin}`));
      if (provider === undefined) provider = candidate;
      else candidate.destroy();
    } else {
      items.push(
        fail(
          "chain id",
          `expected ${config.chain.id}, actual ${chainId} at ${origin}`,
          "correct chain.id or chain.rpc",
          exitCodes.network,
        ),
      );
      candidate.destroy();
    }
  }
  if (config.chain.rpc.length === 1)
    items.push(warn("rpc", "one endpoint", "a second one catches a first that lies or lags"));
  return { items, provider };
}

/** The pairing of two infinities is 1; a chain without the precompile answers with nothing. */
async function checkPrecompile(provider: JsonRpcProvider): Promise<CheckItem> {
  const answer: string = await provider.send("eth_call", [
    { to: `0x${"0f".padStart(40, "0")}`, data: `0x${"00".repeat(384)}` },
    "latest",
  ]);
  if (answer === `0x${"1".padStart(64, "0")}`) return ok("EIP-2537", "the pairing precompile answers");
  return fail(
    "EIP-2537",
    `expected 1 from precompile 0x0f, actual ${answer}`,
    "use a chain with EIP-2537: whitepay presets",
    exitCodes.refused,
  );
}

async function checkClock(config: KeeperConfig): Promise<CheckItem> {
  const name = "clock";
  const clock = { now_ms: () => Date.now(), sleep: (ms: number) => sleep(ms) };
  for (const url of config.chain.rpc) {
    const measured = await clockOffset(() => serverDate(url, dial_ms), clock).catch(() => undefined);
    if (measured === undefined) continue;
    const { offset_ms, uncertainty_ms } = measured;
    const found = `${offset_ms} ms (± ${uncertainty_ms} ms) from ${new URL(url).origin}`;
    const off = Math.abs(offset_ms) - uncertainty_ms;
    if (off > clockFail_ms) return fail(name, found, "set the clock: chrony, systemd-timesyncd or ntpd");
    return off > clockWarn_ms
      ? warn(name, found, "let chrony, systemd-timesyncd or ntpd set the clock")
      : ok(name, found);
  }
  return warn(name, "no endpoint tells the time", "see to it that chrony, systemd-timesyncd or ntpd runs");
}

async function checkPorts(config: KeeperConfig, running: boolean): Promise<CheckItem[]> {
  if (running) return [ok("ports", "held by the keeper that runs here")];
  const wanted = [...config.listen.map(tcpPlaceOf), { host: config.api.host, port: config.api.port }];
  return Promise.all(
    wanted
      .filter((place) => place !== undefined)
      .map(async ({ host, port }) => {
        const fault = await listenFault({ host, port });
        if (fault === undefined) return ok("ports", `${host}:${port} is free`);
        return fail("ports", `${host}:${port}: ${fault.reason}`, fault.remedy, exitCodes.usage);
      }),
  );
}

/** Whether something listens at the address of a peer. */
export function reachable(multiaddr: string): Promise<boolean> {
  const place = tcpPlaceOf(multiaddr);
  if (place === undefined) return Promise.resolve(false);
  return new Promise((done) => {
    const socket = connect({ ...place, timeout: dial_ms });
    const end = (is: boolean) => (): void => {
      socket.destroy();
      done(is);
    };
    socket.once("connect", end(true)).once("error", end(false)).once("timeout", end(false));
  });
}

/** The group is as it was made: settled through the block of its origin. */
async function neverSettled(provider: JsonRpcProvider, group: string): Promise<boolean> {
  const view = new GroupView(provider, group);
  const [{ originBlock }, { settledThrough }] = await Promise.all([view.parameters(), view.state()]);
  return settledThrough === originBlock;
}

async function checkPeers(
  config: KeeperConfig,
  provider: JsonRpcProvider,
  group: string,
  me: string,
): Promise<CheckItem> {
  const name = "peers";
  const registry = registryAt(config.chain.registry, provider);
  if ((await provider.getCode(group)) === "0x")
    return fail(name, `no contract at group ${group}`, "correct groups", exitCodes.usage);
  const contract = new Contract(group, groupAbi, provider);
  const committee = await expectContract("group", group, () => contract.getFunction("committee")());
  const operators = [...committee.operators].map((operator: string) => operator.toLowerCase());
  if (!operators.includes(me))
    return warn(name, `group ${group} has no seat for this keeper`, "ask its payer for one");
  const others = operators.filter((operator) => operator !== me);
  const up = await Promise.all(
    others.map(async (operator) => {
      const { multiaddrs } = await registeredKeeper(registry, operator);
      return (await Promise.all(multiaddrs.map(reachable))).some(Boolean);
    }),
  );
  const count = up.filter(Boolean).length;
  const needed = 2 * Math.floor((operators.length - 1) / 3);
  const found = `${count} of ${others.length} other keepers of ${group} can be reached, ${needed} are needed`;
  const missing = others.filter((_, i) => up[i] !== true).join(", ");
  // The first keeper of a new group has nobody to reach yet.
  if (count < needed && (await neverSettled(provider, group)))
    return warn(name, `${found}; nothing was settled yet`, `this keeper waits for the others: ${missing}`);
  if (count < needed)
    return fail(name, found, `see to the network, and that these run: ${missing}`, exitCodes.network);
  return count < others.length ? warn(name, found, `not reached: ${missing}`) : ok(name, found);
}

async function checkRegistration(
  config: KeeperConfig,
  provider: JsonRpcProvider,
  { operator: me = "", secrets }: Keys,
): Promise<CheckItem> {
  const name = "registry";
  if ((await provider.getCode(config.chain.registry)) === "0x") {
    return fail(name, `no contract at ${config.chain.registry}`, "correct chain.registry", exitCodes.usage);
  }
  const entry = await registeredKeeper(registryAt(config.chain.registry, provider), me);
  const { registeredAt, multiaddrs } = entry;
  if (registeredAt === 0) return fail(name, `${me} is not registered`, "whitepay keeper register");
  if (secrets !== undefined && entry.blsKey !== publicKeyOf(secrets.bls)) {
    const remedy = "restore the key file, or register this key: whitepay keeper register --rotate-key";
    return fail(name, "another BLS key is registered than the one in the key file", remedy);
  }
  if (secrets !== undefined && entry.peerId !== (await peerIdBytes(secrets.peer))) {
    return fail(name, "another peer key is registered", "whitepay keeper register sends the change");
  }
  const own = config.announce.length > 0 ? config.announce : config.listen;
  const same = JSON.stringify(own) === JSON.stringify(multiaddrs);
  const found = `registered at ${multiaddrs.join(", ")}`;
  return same
    ? ok(name, found)
    : warn(name, found, `configured is ${own.join(", ")}: whitepay keeper register sends the change`);
}

async function checkFunds(config: KeeperConfig, provider: JsonRpcProvider, me: string): Promise<CheckItem> {
  let [keepers, providers] = [4, 1];
  for (const group of config.groups) {
    if ((await provider.getCode(group)) === "0x") continue;
    const contract = new Contract(group, groupAbi, provider);
    const [{ listedProviders }, { operators }] = await expectContract("group", group, () =>
      Promise.all([contract.getFunction("state")(), contract.getFunction("committee")()]),
    );
    providers = Math.max(providers, Number(listedProviders));
    keepers = Math.max(keepers, operators.length);
  }
  const limits = feeLimitsOf(config);
  const { market, l1Fee, gasPrice } = await measureFees(provider, providers, limits);
  const account = { balance: await provider.getBalance(me), market, limits, l1Fee };
  const covered = settlementsLeft(account, keepers, providers);
  const data = l1Fee === 0n ? "" : ` and ${formatUnits(l1Fee, "gwei")} gwei for its data`;
  const each = `${settlementGas(keepers, providers)} gas at ${formatUnits(gasPrice, "gwei")} gwei${data}`;
  const found = `${formatEther(account.balance)} for ${covered} settlements of ${each}`;
  if (covered >= fundedTransactions) return ok("funds", found);
  const missing = balanceFor(fundedTransactions, account, keepers, providers) - account.balance;
  const remedy = `send at least ${formatEther(missing)} more to ${me}, for ${fundedTransactions} settlements`;
  return covered === 0n ? fail("funds", found, remedy, exitCodes.funds) : warn("funds", found, remedy);
}

async function checkDisk(config: KeeperConfig): Promise<CheckItem> {
  let folder = config.dataDir;
  for (;;) {
    try {
      const { bavail, bsize } = await statfs(folder);
      const free = bavail * bsize;
      const found = `${formatBytes(free)} free at ${folder}`;
      if (free < leastDisk_bytes)
        return fail("disk", found, "make room: without it no note can be kept and nothing is signed");
      return free < lowDisk_bytes ? warn("disk", found, "make room before it runs out") : ok("disk", found);
    } catch (error) {
      const parent = join(folder, "..");
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || parent === folder) {
        return fail("disk", `${folder}: ${(error as Error).message}`, "correct dataDir");
      }
      folder = parent;
    }
  }
}

/** Whatever fails inside one check is that check's failure, and the others go on. */
async function guarded(name: string, work: () => Promise<CheckItem>): Promise<CheckItem> {
  try {
    return await work();
  } catch (error) {
    const { code, message, hint = "the endpoint may not know this call, or be down" } = explain(error);
    return fail(name, message, hint, code === exitCodes.failed ? exitCodes.network : code);
  }
}

/** Runs all checks; what needs the chain is left out where no endpoint of it answers. */
export async function preflight(config: KeeperConfig): Promise<CheckItem[]> {
  const running = await keeperRuns(join(config.dataDir, "store"));
  const keys = await checkKeys(config);
  const endpoints = await checkEndpoints(config);
  const { provider } = endpoints;
  const { operator } = keys;
  const items = [...keys.items, ...endpoints.items];
  if (provider !== undefined) {
    try {
      items.push(await guarded("EIP-2537", () => checkPrecompile(provider)), await checkClock(config));
      if (operator !== undefined) {
        items.push(await guarded("registry", () => checkRegistration(config, provider, keys)));
        for (const group of config.groups) {
          items.push(await guarded("peers", () => checkPeers(config, provider, group, operator)));
        }
        items.push(await guarded("funds", () => checkFunds(config, provider, operator)));
      }
    } finally {
      provider.destroy();
    }
  }
  if (config.groups.length === 0)
    items.push(warn("groups", "none yet", "add the group to the config file when its payer made it"));
  return [...items, ...(await checkPorts(config, running)), await checkDisk(config)];
}
