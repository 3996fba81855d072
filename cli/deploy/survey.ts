/** What of a deployment is on a chain already, and how the rest can get there. Sends nothing that costs anything. */
import { Contract, getCreate2Address, getCreateAddress, keccak256, type JsonRpcProvider } from "ethers";
import { checkPrecompile } from "../preflight/endpoints.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import {
  broadcastProxy,
  hasProxy,
  proxyAddress,
  proxyCost,
  proxyGasPrice,
  proxySigner,
  salt,
} from "./proxy.ts";
import {
  codeHashes,
  deployerCreation,
  layoutAt,
  partNames,
  runtimeOf,
  type Layout,
  type SystemCode,
} from "./system.ts";

export type Survey = {
  readonly chainId: bigint;
  /** By the proxy the addresses are the same on every chain; by nonce they follow from the account. */
  readonly way: "proxy" | "nonce";
  /** Why not by the proxy. */
  readonly why: string | undefined;
  readonly hasProxy: boolean;
  /** Whether the account of the proxy's transaction can pay it. */
  readonly isProxyFunded: boolean;
  readonly layout: Layout;
  readonly hasDeployer: boolean;
  /** Parts that exist, with the right code: the first ones in the order of creation. */
  readonly created: number;
};

export type SurveyOptions = {
  readonly byNonce?: boolean;
  /** Known from an earlier attempt: why the chain does not take the proxy's transaction. */
  readonly refusal?: string | undefined;
};

/** How many of the account's latest nonces are searched for a deployer that was created without the proxy. */
const searchedNonces = 256;
const searchedAtOnce = 16;

export function isComplete({ created }: Survey): boolean {
  return created === partNames.length;
}

/** @throws CliError exit 4 on a chain without EIP-2537 */
export async function requirePrecompiles(provider: JsonRpcProvider): Promise<void> {
  const { grade, found, remedy } = await checkPrecompile(provider);
  if (grade === "ok") return;
  throw new CliError({
    code: exitCodes.refused,
    message: `this chain has no EIP-2537: ${found}`,
    hint: `nothing was sent; ${remedy}`,
  });
}

function wrongCode(name: string, address: string, [expected, actual]: readonly [string, string]): CliError {
  const told = (code: string): string => `${(code.length - 2) / 2} bytes, keccak256 ${keccak256(code)}`;
  return new CliError({
    code: exitCodes.unsafe,
    message: `there is other code at the address of ${name}, ${address}`,
    expected: told(expected),
    actual: told(actual),
    hint: "do not use this deployment; the endpoint may be wrong: try another one",
  });
}

/** Whether a contract has exactly this code. @throws CliError exit 6 if it has other code */
async function hasCode(
  provider: JsonRpcProvider,
  name: string,
  address: string,
  expected: string,
): Promise<boolean> {
  const actual = await provider.getCode(address);
  if (actual === "0x") return false;
  if (actual.toLowerCase() === expected.toLowerCase()) return true;
  throw wrongCode(name, address, [expected, actual]);
}

/** A deployer's code does not contain the hashes that it was made with. */
async function hasHashes(provider: JsonRpcProvider, address: string, code: SystemCode): Promise<boolean> {
  const hashOf = new Contract(address, code.deployer.abi, provider).getFunction("codeHash");
  const actual = await Promise.all(partNames.map((_, index) => hashOf(index) as Promise<string>));
  return codeHashes(code).every((hash, index) => hash === actual[index]);
}

/** The latest deployer of this code that the account created by a transaction of its own. */
async function findOwnDeployer(
  provider: JsonRpcProvider,
  from: string,
  code: SystemCode,
): Promise<string | undefined> {
  const next = await provider.getTransactionCount(from);
  const least = Math.max(0, next - searchedNonces);
  for (let end = next; end > least; end -= searchedAtOnce) {
    const nonces = Array.from({ length: Math.min(searchedAtOnce, end - least) }, (_, i) => end - 1 - i);
    const found = await Promise.all(
      nonces.map(async (nonce) => {
        const address = getCreateAddress({ from, nonce });
        const there = (await provider.getCode(address)).toLowerCase() === code.deployer.runtime.toLowerCase();
        return there && (await hasHashes(provider, address, code)) ? address : undefined;
      }),
    );
    const latest = found.find((address) => address !== undefined);
    if (latest !== undefined) return latest;
  }
  return undefined;
}

type Way = Pick<Survey, "way" | "why" | "hasProxy" | "isProxyFunded"> & { readonly deployer: string };

/** Why the chain does not take the proxy's transaction; undefined if it does, or cannot be asked without sending it. */
async function proxyRefusal(provider: JsonRpcProvider, isFunded: boolean): Promise<string | undefined> {
  const { baseFeePerGas } = (await provider.getBlock("latest")) ?? {};
  if (baseFeePerGas !== null && baseFeePerGas !== undefined && baseFeePerGas > proxyGasPrice) {
    return `its gas price of 100 gwei is below the chain's base fee, ${baseFeePerGas} wei`;
  }
  if (isFunded) return undefined;
  const answer = await broadcastProxy(provider);
  return answer.kind === "refused" ? answer.why : undefined;
}

async function wayOf(
  provider: JsonRpcProvider,
  from: string,
  code: SystemCode,
  { byNonce = false, refusal }: SurveyOptions,
): Promise<Way> {
  const byProxy = getCreate2Address(proxyAddress, salt, keccak256(deployerCreation(code)));
  const none = { hasProxy: false, isProxyFunded: false };
  const proxy = !byNonce && (await hasProxy(provider));
  if (proxy) return { way: "proxy", why: undefined, hasProxy: true, isProxyFunded: false, deployer: byProxy };
  const own = await findOwnDeployer(provider, from, code);
  const next = async (): Promise<string> =>
    own ?? getCreateAddress({ from, nonce: await provider.getTransactionCount(from) });
  if (byNonce) return { way: "nonce", why: "--by-nonce", ...none, deployer: await next() };
  if (own !== undefined) {
    return { way: "nonce", why: "this account began a deployment by nonce", ...none, deployer: own };
  }
  const isProxyFunded = (await provider.getBalance(proxySigner)) >= proxyCost;
  const why = refusal ?? (await proxyRefusal(provider, isProxyFunded));
  if (why !== undefined) return { way: "nonce", why, ...none, deployer: await next() };
  return { way: "proxy", why: undefined, hasProxy: false, isProxyFunded, deployer: byProxy };
}

/** @throws CliError exit 6 if other code is at one of the addresses */
export async function survey(
  provider: JsonRpcProvider,
  from: string,
  code: SystemCode,
  options: SurveyOptions = {},
): Promise<Survey> {
  const { deployer, ...way } = await wayOf(provider, from, code, options);
  const layout = layoutAt(deployer);
  const hasDeployer = await hasCode(provider, "Deployer", deployer, code.deployer.runtime);
  if (hasDeployer && !(await hasHashes(provider, deployer, code))) {
    throw new CliError({
      code: exitCodes.unsafe,
      message: `the deployer at ${deployer} creates other code than this release`,
      hint: "do not use this deployment; the endpoint may be wrong: try another one",
    });
  }
  const there = await Promise.all(
    partNames.map((name) => hasCode(provider, name, layout.parts[name], runtimeOf(name, code, layout))),
  );
  const firstMissing = there.indexOf(false);
  const created = firstMissing === -1 ? partNames.length : firstMissing;
  const { chainId } = await provider.getNetwork();
  return { chainId, ...way, layout, hasDeployer, created };
}
