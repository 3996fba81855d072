/** Consents of keepers to be members of a committee (R37): EIP-712 signatures over the whole configuration. */
import {
  AbiCoder,
  concat,
  Contract,
  getAddress,
  keccak256,
  TypedDataEncoder,
  type Provider,
  type Signer,
} from "ethers";
import { factoryAbi } from "./abi.ts";
import { CommitteeReader, type Rhythm, type Terms } from "./committee-view.ts";
import { inputError } from "./errors.ts";
import { expectContract } from "./missing-contract.ts";
import { chainOf } from "./signer.ts";

/** A committee that is to be made: its address follows from this, from the members' keys, and from how many the convener has made. */
export type CommitteeDraft = {
  readonly factory: string;
  /** Account that sends the creation. */
  readonly convener: string;
  readonly rhythm: Rhythm;
  readonly terms: Terms;
  /** 3f+1 registered operators, in contract order. */
  readonly operators: readonly string[];
};

/** A keeper's signed consent to one version of one committee. */
export type MemberConsent = {
  readonly committee: string;
  readonly version: number;
  readonly operator: string;
  /** Last block in which it counts. */
  readonly deadline: number;
  /** EIP-712, of the operator: 65 bytes, or what an ERC-1271 wallet accepts. */
  readonly signature: string;
};

/** What all members of a version agree to (`ICommittee.configuration`). */
export type Configuration = {
  readonly chainId: bigint;
  readonly committee: string;
  readonly convener: string;
  /** 0 for the first version. */
  readonly base: number;
  readonly rhythm: Rhythm;
  readonly terms: Terms;
  readonly operators: readonly string[];
};

/** The arguments of the factory for a draft. */
export function draftArgs({ rhythm, terms, operators }: CommitteeDraft): readonly unknown[] {
  return [rhythm, terms, operators];
}

/** Address of the committee that the convener makes next with this draft. */
export async function predictCommittee(provider: Provider, draft: CommitteeDraft): Promise<string> {
  const factory = new Contract(draft.factory, factoryAbi, provider);
  const predict = factory.getFunction("predictCommittee");
  return expectContract(
    "factory",
    draft.factory,
    () => predict(draft.convener, ...draftArgs(draft)) as Promise<string>,
  );
}

/** Computed here, because an endpoint must not choose what a keeper signs. */
export function configurationHash(configuration: Configuration): string {
  const { chainId, committee, convener, base, rhythm, terms, operators } = configuration;
  const coder = AbiCoder.defaultAbiCoder();
  const { interval, turn, slot, answer, confirmations, toleranceBps } = rhythm;
  const { token, leastKeeperFee, leastKeeperShareBps, mostProviders, open } = terms;
  const fixedPart = coder.encode(
    ["tuple(uint32,uint32,uint32,uint32,uint32,uint16)", "tuple(address,uint96,uint16,uint32,bool)"],
    [
      [interval, turn, slot, answer, confirmations, toleranceBps],
      [token, leastKeeperFee, leastKeeperShareBps, mostProviders, open],
    ],
  );
  const list = concat(operators.map((operator) => coder.encode(["address"], [operator])));
  return keccak256(
    coder.encode(
      ["uint256", "address", "address", "uint64", "bytes32", "bytes32"],
      [chainId, committee, convener, base, keccak256(fixedPart), keccak256(list)],
    ),
  );
}

const types = {
  MemberConsent: [
    { name: "configuration", type: "bytes32" },
    { name: "version", type: "uint64" },
    { name: "deadline", type: "uint64" },
  ],
};

function domainOf({ chainId, committee }: Configuration): {
  readonly name: string;
  readonly version: string;
  readonly chainId: bigint;
  readonly verifyingContract: string;
} {
  return { name: "WhitePay", version: "2", chainId, verifyingContract: committee };
}

/** The digest that an operator signs. */
export function memberConsentDigest(
  configuration: Configuration,
  { version, deadline }: { readonly version: number; readonly deadline: number },
): string {
  const value = { configuration: configurationHash(configuration), version, deadline };
  return TypedDataEncoder.hash(domainOf(configuration), types, value);
}

type Signing = {
  /** Last block in which the consent counts. */
  readonly deadline: number;
  /** Default: the signer. Another one is a contract that accepts the signer (ERC-1271). */
  readonly operator?: string | undefined;
};

async function signed(
  signer: Signer,
  configuration: Configuration,
  { version, deadline, operator: named }: Signing & { readonly version: number },
): Promise<MemberConsent> {
  const operator = getAddress(named ?? (await signer.getAddress()));
  const { committee, operators } = configuration;
  if (!operators.some((member) => getAddress(member) === operator)) {
    throw inputError(`${operator} has no seat in version ${version} of committee ${committee}`, {
      expected: operators.join(", "),
    });
  }
  const value = { configuration: configurationHash(configuration), version, deadline };
  const signature = await signer.signTypedData(domainOf(configuration), types, value);
  return { committee, version, operator, deadline, signature };
}

/**
 * Signs the consent to be a member of a committee that is to be made. Sends nothing.
 * @throws WhitePayError `input` if the signer is not one of the operators
 */
export async function signFirstConsent(
  signer: Signer,
  draft: CommitteeDraft,
  signing: Signing,
): Promise<MemberConsent> {
  const provider = chainOf(signer);
  const [{ chainId }, committee] = await Promise.all([
    provider.getNetwork(),
    predictCommittee(provider, draft),
  ]);
  return signed(signer, { chainId, committee, base: 0, ...draft }, { version: 1, ...signing });
}

/** What the members of a version of an existing committee agree to, read from the chain. */
async function configurationAt(
  provider: Provider,
  committee: string,
  version: number,
): Promise<Configuration> {
  const view = new CommitteeReader(provider, committee);
  const [{ chainId }, convener, rhythm, terms, { base, operators }] = await Promise.all([
    provider.getNetwork(),
    view.convener(),
    view.rhythm(),
    view.terms(),
    view.version(version),
  ]);
  return { chainId, committee, convener, base, rhythm, terms, operators };
}

/**
 * Signs the consent to a proposed version. Sends nothing.
 * @throws WhitePayError `input` if the signer has no seat in it
 */
export async function signVersionConsent(
  signer: Signer,
  committee: string,
  { version, ...signing }: Signing & { readonly version: number },
): Promise<MemberConsent> {
  const configuration = await configurationAt(chainOf(signer), committee, version);
  return signed(signer, configuration, { version, ...signing });
}

/** The contract's list of consents: one for each operator, empty where one is missing. */
export function consentArgs(
  operators: readonly string[],
  consents: readonly MemberConsent[],
): readonly { readonly deadline: number; readonly signature: string }[] {
  return operators.map((operator) => {
    const own = consents.find((consent) => getAddress(consent.operator) === getAddress(operator));
    return own === undefined
      ? { deadline: 0, signature: "0x" }
      : { deadline: own.deadline, signature: own.signature };
  });
}
