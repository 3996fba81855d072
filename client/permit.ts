/** EIP-2612 permits: a signature instead of an approval, so that a deposit is one transaction. */
import {
  Contract,
  Interface,
  Signature,
  TypedDataEncoder,
  type Provider,
  type Signer,
  type TypedDataDomain,
} from "ethers";
import { tokenAbi } from "./abi.ts";
import { isContractFault } from "./contract-fault.ts";
import { inputError, WhitePayError } from "./errors.ts";
import { chainOf } from "./signer.ts";
import type { Token } from "./units.ts";

export type Permit = {
  readonly spender: string;
  readonly amount: bigint;
  /** Block time in seconds since 1970. */
  readonly deadline: bigint;
  readonly signature: Signature;
};

/** Time for the user to confirm; an unused permit is void after it. */
const validity_s = 3_600n;

const types = {
  Permit: [
    { name: "owner", type: "address" },
    { name: "spender", type: "address" },
    { name: "value", type: "uint256" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
};

/** The bits of EIP-5267 for the fields of a domain. */
const domainBits = { name: 1, version: 2, chainId: 4, verifyingContract: 8, salt: 16 } as const;

/** The domain that the token reports (EIP-5267). */
async function statedDomain(contract: Contract): Promise<TypedDataDomain> {
  const found = await contract.getFunction("eip712Domain")();
  const fields = Number(found.fields);
  return Object.fromEntries(
    Object.entries(domainBits).flatMap(([name, bit]) => ((fields & bit) === 0 ? [] : [[name, found[name]]])),
  );
}

/** Optional in tokens with permits. */
const versionAbi = new Interface(["function version() view returns (string)"]);

async function usualDomain(contract: Contract, provider: Provider): Promise<TypedDataDomain> {
  const versioned = new Contract(contract.target, versionAbi, provider);
  const [name, version, { chainId }] = await Promise.all([
    contract.getFunction("name")() as Promise<string>,
    (versioned.getFunction("version")() as Promise<string>).catch((error: unknown) => {
      if (isContractFault(error)) return "1";
      throw error;
    }),
    provider.getNetwork(),
  ]);
  return { name, version, chainId, verifyingContract: await contract.getAddress() };
}

function noPermit({ address, symbol }: Token, cause: unknown): WhitePayError {
  return new WhitePayError({
    code: "input",
    message: `${symbol} (${address}) does not accept a permit of this account`,
    expected: "a token with EIP-2612",
    hint: "deposit without a permit: an approval, then the deposit",
    cause,
  });
}

/** Refuses the domain of another contract: a malicious token or endpoint could collect a permit for it. */
async function isOwn(
  { verifyingContract, chainId }: TypedDataDomain,
  contract: Contract,
  provider: Provider,
): Promise<boolean> {
  const [address, network] = await Promise.all([contract.getAddress(), provider.getNetwork()]);
  return (
    verifyingContract?.toLowerCase() === address.toLowerCase() && BigInt(chainId ?? 0) === network.chainId
  );
}

async function domainOf(contract: Contract, token: Token, provider: Provider): Promise<TypedDataDomain> {
  const separator = (await contract.getFunction("DOMAIN_SEPARATOR")()) as string;
  const candidates: (() => Promise<TypedDataDomain>)[] = [
    () => statedDomain(contract),
    () => usualDomain(contract, provider),
  ];
  for (const candidate of candidates) {
    try {
      const domain = await candidate();
      if (await isOwn(domain, contract, provider)) {
        if (TypedDataEncoder.hashDomain(domain) === separator) return domain;
      }
    } catch (error) {
      if (!isContractFault(error)) throw error;
    }
  }
  throw noPermit(token, undefined);
}

/**
 * Signs a permit that lets `spender` take `amount` units, and verifies that the token accepts it.
 * @throws WhitePayError `input` if the token does not support EIP-2612, or refuses the signature
 */
export async function signPermit(
  signer: Signer,
  token: Token,
  { spender, amount }: { readonly spender: string; readonly amount: bigint },
): Promise<Permit> {
  const provider = chainOf(signer);
  if (BigInt(token.address) === 0n) {
    throw inputError("the chain's coin needs no permit", { hint: "deposit without a permit" });
  }
  const contract = new Contract(token.address, tokenAbi, provider);
  const owner = await signer.getAddress();
  try {
    const [domain, nonce, head] = await Promise.all([
      domainOf(contract, token, provider),
      contract.getFunction("nonces")(owner) as Promise<bigint>,
      provider.getBlock("latest"),
    ]);
    const deadline = BigInt(head?.timestamp ?? 0) + validity_s;
    const value = { owner, spender, value: amount, nonce, deadline };
    const signature = Signature.from(await signer.signTypedData(domain, types, value));
    const { v, r, s } = signature;
    // A group ignores a failed permit and then fails for lack of an allowance: report the real reason here.
    await contract.getFunction("permit").staticCall(owner, spender, amount, deadline, v, r, s);
    return { spender, amount, deadline, signature };
  } catch (error) {
    throw isContractFault(error) ? noPermit(token, error) : error;
  }
}
