/** Providers from the registry, the offer of each, and what the chain says of them (R42). */
import type { Provider } from "ethers";
import { inParallel } from "../../client/in-parallel.ts";
import { CommitteeView } from "../../client/committee-view.ts";
import { dataAt, GroupView } from "../../client/group-view.ts";
import { registeredProvider, registryAt, type RegisteredProvider } from "../../client/registry.ts";
import { isSignedBy } from "../../client/signed-by.ts";
import type { Candidate, ProviderRecord } from "../../client/storing/choose.ts";
import { peerIdText } from "../../provider/chain-reads.ts";
import type { ProviderTarget } from "../../keeper/ports/provider.ts";
import { offerDigest, type Offer, type SignedOffer } from "../../protocol/codec/offer.ts";
import type { Hex } from "../../protocol/hash.ts";
import { fromHex } from "../../storage/core/bytes.ts";
import { askOffer, type Line } from "./wire.ts";

/** Calls of the registry's pages, and providers asked at once. */
const operatorsAtOnce = 200;
const offersAtOnce = 16;
/** A provider that is reached over a relay is called at its registered addresses first; one on a busy machine answers late. */
const offerTimeout_ms = 15_000;
/** Providers that are asked: at 16 at once, 15 s each, silent ones cost at most 240 s all together. */
const mostAsked = 256;
/** Groups whose providers' records are read, the newest of the committee. */
const mostGroups = 64;

export type RegistryAt = { readonly chainId: number; readonly registry: Hex };

export type Offering = {
  readonly target: ProviderTarget;
  readonly candidate: Candidate;
  readonly offer: Offer;
};
export type Silent = { readonly operator: string; readonly why: string };

/** @throws Error if the registry's entry is no peer id */
export function targetOf({
  peerId,
  multiaddrs,
}: Pick<RegisteredProvider, "peerId" | "multiaddrs">): ProviderTarget {
  return { peerId: peerIdText(fromHex(peerId)), addrs: [...multiaddrs] };
}

async function operatorsOf(provider: Provider, registry: string): Promise<string[]> {
  const contract = registryAt(registry, provider);
  const count = Number(await contract.getFunction("providerCount")());
  const pages = Array.from({ length: Math.ceil(count / operatorsAtOnce) }, (_, i) => i * operatorsAtOnce);
  const found = await Promise.all(
    pages.map(
      (from) => contract.getFunction("providerOperators")(from, operatorsAtOnce) as Promise<string[]>,
    ),
  );
  return found.flatMap((page) => [...page]);
}

/** At most `most` of all, drawn at random so that nobody can fill the first places of the registry. */
export function drawn<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  const rest = [...all];
  return Array.from({ length: most }, () => {
    const at = Math.floor(Math.random() * rest.length);
    const [one] = rest.splice(at, 1);
    return one as T;
  });
}

export type DiscoverScope = RegistryAt & {
  readonly provider: Provider;
  readonly line: Line;
  readonly head: number;
  /** Token of the group. */
  readonly token: string;
  readonly records: ReadonlyMap<string, ProviderRecord>;
  /** Providers that must be asked, wherever they are in the registry. */
  readonly always: readonly string[];
};

/** Every provider's offer, or why there is none: a stranger's bad answer costs one line. @throws Error if the chain's endpoint fails */
export async function discover(scope: DiscoverScope): Promise<{ offering: Offering[]; silent: Silent[] }> {
  const all = await operatorsOf(scope.provider, scope.registry);
  const always = new Set(scope.always.map((one) => one.toLowerCase()));
  const others = all.filter((one) => !always.has(one.toLowerCase()));
  const asked = [...scope.always, ...drawn(others, mostAsked)];
  const offering: Offering[] = [];
  const silent: Silent[] = [];
  await inParallel(asked, offersAtOnce, async (operator) => {
    const checked = await checkedOffer(scope, operator);
    if (typeof checked === "string") silent.push({ operator, why: checked });
    else offering.push(offeringOf(scope, operator, checked));
  });
  return { offering, silent };
}

export type OfferScope = Pick<DiscoverScope, "provider" | "line" | "chainId" | "registry" | "head">;

type CheckedOffer = Omit<Offering, "candidate"> & { readonly entry: RegisteredProvider };

/** A provider's valid offer; a text says why there is none. @throws Error if the chain's endpoint fails */
async function checkedOffer(scope: OfferScope, operator: string): Promise<CheckedOffer | string> {
  const { provider, chainId, registry, head } = scope;
  const entry = await registeredProvider(registryAt(registry, provider), operator);
  if (entry.registeredAt === 0) return "is not registered";
  const answer = await answerOf(scope, entry);
  if (typeof answer === "string") return answer;
  const { target, signed } = answer;
  const { offer } = signed;
  if (offer.operator !== operator.toLowerCase()) return `sent the offer of ${offer.operator}`;
  if (offer.peerId !== entry.peerId.toLowerCase()) return "sent an offer of another peer id";
  if (offer.validUntil < head) return `its offer ended with block ${offer.validUntil}`;
  if (!(await isSigned(provider, { chainId, registry }, signed))) {
    return "its offer is not signed by its operator";
  }
  return { target, offer, entry };
}

/** What the provider sends, unchecked. Asks no chain, so every failure is the provider's. */
async function answerOf(
  { line, chainId, registry }: OfferScope,
  entry: RegisteredProvider,
): Promise<(Pick<Offering, "target"> & { readonly signed: SignedOffer }) | string> {
  try {
    const target = targetOf(entry);
    return { target, signed: await askOffer(line, target, { chainId, registry }, offerTimeout_ms) };
  } catch (error) {
    line.signal?.throwIfAborted();
    return (error as Error).message;
  }
}

/** The offers of some providers, at most 256 of them; a text says why there is none. @throws Error if the chain's endpoint fails */
export async function offersOf(
  scope: OfferScope,
  operators: readonly string[],
): Promise<Map<string, Offer | string>> {
  const found = new Map<string, Offer | string>();
  await inParallel(operators.slice(0, mostAsked), offersAtOnce, async (operator) => {
    const checked = await checkedOffer(scope, operator);
    found.set(operator, typeof checked === "string" ? checked : checked.offer);
  });
  return found;
}

function offeringOf(
  { token, records }: DiscoverScope,
  operator: string,
  { target, offer, entry }: CheckedOffer,
): Offering {
  const price = offer.prices.find((one) => one.token === token.toLowerCase())?.price;
  const candidate: Candidate = {
    operator,
    payee: entry.payee,
    hosts: entry.multiaddrs.map(hostOf).filter((host) => host !== undefined),
    regions: offer.regions.map((region) => region.toLowerCase()),
    price,
    freeBytes: offer.freeBytes,
    largestPiece: offer.largestPiece,
    minLockup: offer.minLockup,
    minRunway: offer.minRunway,
    maxKeeperShareBps: offer.maxKeeperShareBps,
    takesPublic: offer.takesPublic,
    record: records.get(operator.toLowerCase()) ?? { provenBps: undefined, bytes: 0n, since: undefined },
  };
  return { target, candidate, offer };
}

/** Address or name in a multiaddr. Loopback says nothing about the machine of a party: tests and devnets have all on one. */
function hostOf(multiaddr: string): string | undefined {
  const host = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)/.exec(multiaddr)?.[1];
  return host === undefined || host.startsWith("127.") || host === "::1" ? undefined : host;
}

const isSigned = (
  provider: Provider,
  scope: RegistryAt,
  { offer, signature }: SignedOffer,
): Promise<boolean> => isSignedBy(provider, offer.operator, offerDigest(scope, offer), signature);

/** What providers proved in the groups of a committee, from the chain alone. */
export async function recordsIn(
  provider: Provider,
  { committee, lens }: { readonly committee: string; readonly lens: string },
): Promise<Map<string, ProviderRecord>> {
  const view = new CommitteeView(provider, { address: committee, lens });
  const groups: string[] = [];
  for await (const page of view.memberships()) for (const { group } of page) groups.push(group);
  const head = await provider.getBlockNumber();
  const sums = new Map<string, { paid: bigint; committed: bigint; bytes: bigint; since: number }>();
  await inParallel([...new Set(groups)].slice(-mostGroups), offersAtOnce, async (address) => {
    const group = new GroupView(provider, { address, lens });
    const [accounts, { state }] = await Promise.all([group.providers(), group.page()]);
    for (const { operator, activeFrom, proven, data, closed } of accounts) {
      const key = operator.toLowerCase();
      const sum = sums.get(key) ?? { paid: 0n, committed: 0n, bytes: 0n, since: activeFrom };
      const bytes = closed ? 0n : (dataAt(data, head)?.bytes ?? 0n);
      // Shares of different groups count by their bytes; of a group without a settlement nothing is known.
      const settled = activeFrom < state.settledThrough && proven.committed > 0n;
      const weight = bytes > 0n ? bytes : 1n;
      sums.set(key, {
        paid: sum.paid + (settled ? (weight * proven.paid * 1_000_000n) / proven.committed : 0n),
        committed: sum.committed + (settled ? weight * 1_000_000n : 0n),
        bytes: sum.bytes + bytes,
        since: Math.min(sum.since, activeFrom),
      });
    }
  });
  return new Map(
    [...sums].map(([operator, { paid, committed, bytes, since }]) => {
      const provenBps = committed === 0n ? undefined : Number((paid * 10_000n) / committed);
      return [operator, { provenBps, bytes, since }];
    }),
  );
}
