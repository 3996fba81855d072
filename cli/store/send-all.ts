/** Sends the pieces of a work to all of its providers at the same time, and collects their consents. Lost providers are replaced. */
import type { GroupAt } from "../../client/group-view.ts";
import { GroupView } from "../../client/group-view.ts";
import type { DataConsent } from "../../client/provider-plans.ts";
import { registeredProvider, registryAt } from "../../client/registry.ts";
import { fromHex, toHex } from "../../storage/core/bytes.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { say } from "../console/output.ts";
import { formatBytes, progressBar } from "../console/progress.ts";
import type { PieceCopy } from "./copy.ts";
import { targetOf } from "./discover.ts";
import { fetchFrom } from "./fetch-public.ts";
import type { WritingSession } from "./session.ts";
import { workOf, type Sending, type SentPiece, type StoreWork } from "./state.ts";
import { listOf, ship, type ListedPiece, type Shipment, type Shipped } from "./transfer.ts";
import { ProviderGoneError, ProviderRefusedError } from "./wire.ts";

/** The copy of an item that a provider is to store. */
export type MadeCopy = {
  readonly entry: PieceEntry;
  readonly isPublic: boolean;
  /** Its entry in the state file. */
  readonly kept: SentPiece;
  readonly copy: () => Promise<PieceCopy>;
};

/** Copies by operator, then by the item's name; the catalogue has the empty name. */
export type Copies = ReadonlyMap<string, ReadonlyMap<string, MadeCopy>>;

export const catalogueKey = "";

/** Chooses a provider in place of a lost one; undefined if there is none. */
export type Replace = (work: StoreWork, lost: Sending) => Promise<Sending | undefined>;

/**
 * When all providers have consented, each consent must be valid for this number of blocks; otherwise the provider is asked for a new one.
 */
const consentLeft = 250;

/** A shipment, and the roots of its public pieces. */
type Planned = Shipment & { readonly publicRoots: ReadonlySet<string> };

async function shipmentOf(session: WritingSession, sending: Sending, copies: Copies): Promise<Planned> {
  const { provider, registry } = session;
  const { operator, price, kept } = sending;
  const own = copies.get(operator) ?? new Map<string, MadeCopy>();
  const old = kept.map(({ root, bytes }) => ({
    entry: { root: fromHex(root), size: bytes },
    copy: undefined,
  }));
  const catalogue = own.get(catalogueKey);
  const data = [...own].filter(([name]) => name !== catalogueKey).map(([, made]) => made);
  const last = catalogue === undefined ? [] : [catalogue];
  // Public items with equal bytes have the same root: they are one piece of the list.
  const known = new Set<string>();
  const pieces = [...old, ...data, ...last].filter(({ entry }) => {
    const root = toHex(entry.root);
    return known.has(root) ? false : known.add(root);
  });
  const publicRoots = data.filter(({ isPublic }) => isPublic).map(({ entry }) => toHex(entry.root));
  return {
    operator,
    target: targetOf(await registeredProvider(registryAt(registry, provider), operator)),
    price: BigInt(price),
    isPublic: workOf(session).items.some(({ isPublic }) => isPublic),
    pieces: pieces.map(({ entry, copy }) => ({ entry, copy })),
    catalogue: catalogue === undefined ? undefined : pieces.length - 1,
    publicRoots: new Set(publicRoots),
  };
}

type SendScope = { readonly copies: Copies; readonly replace: Replace };

/** Sends to all providers at the same time. Undefined: a provider was replaced, and the caller has to begin again with the new ones. */
export async function sendAll(
  session: WritingSession,
  group: GroupAt,
  { copies, replace }: SendScope,
): Promise<DataConsent[] | undefined> {
  const onChain = new Map(
    (await new GroupView(session.provider, group).providers())
      .filter(({ closed }) => !closed)
      .map(({ operator, data }) => [operator.toLowerCase(), data.at(-1)?.listRoot]),
  );
  const { providers } = workOf(session);
  const planned = await Promise.all(providers.map((one) => shipmentOf(session, one, copies)));
  // An earlier run that was killed may have put this list on chain already.
  const isUsed = (one: Planned): boolean =>
    onChain.get(one.operator.toLowerCase()) === toHex(listOf(one).root);
  const shipments = planned.filter((one) => !isUsed(one));
  const ended = await shipAll(session, group, { shipments, serving: planned.filter(isUsed) });
  const lost: { readonly operator: string; readonly why: string }[] = [];
  const consents: DataConsent[] = [];
  for (const [i, one] of ended.entries()) {
    const { operator } = shipments[i] as Shipment;
    if (one.status === "fulfilled") consents.push(one.value);
    else if (one.reason instanceof ProviderGoneError || one.reason instanceof ProviderRefusedError) {
      lost.push({ operator, why: one.reason.message });
    } else throw one.reason;
  }
  if (lost.length === 0) return consents;
  for (const one of lost) {
    await replaceOne(session, { ...one, isMember: onChain.has(one.operator.toLowerCase()) }, replace);
  }
  return undefined;
}

type Shipments = {
  readonly shipments: readonly Planned[];
  /** Providers whose list is on chain already: others can fetch public pieces from them. */
  readonly serving: readonly Planned[];
};

/**
 * Ships to all providers at the same time. A public piece is sent to its first provider alone; the others wait for it, and then fetch the
 * piece.
 */
async function shipAll(
  session: WritingSession,
  group: GroupAt,
  { shipments, serving }: Shipments,
): Promise<PromiseSettledResult<DataConsent>[]> {
  const total = shipments.flatMap(({ pieces }) => pieces).reduce((sum, { entry }) => sum + entry.size, 0);
  const bar = total > 0 ? progressBar({ label: "sending", total, format: formatBytes }) : undefined;
  let [done, sent] = [0, 0];
  const start_ms = performance.now();
  const onBytes = (bytes: number, isSent: boolean): void => {
    done += bytes;
    if (isSent) sent += bytes;
    bar?.update(done);
  };
  const shipping: Promise<Shipped>[] = [];
  for (const [i, one] of shipments.entries()) {
    const shared = [...one.publicRoots].map((root) =>
      shipments.findIndex(({ publicRoots }) => publicRoots.has(root)),
    );
    const seeds = [...new Set(shared)].filter((index) => index < i);
    const sources = [...serving, ...seeds.map((index) => shipments[index] as Planned)];
    const pieces = one.pieces.map((piece) => withFetch(session, group, { one, piece, sources }));
    // A provider keeps a proposal for a limited time, so the proposal is made when the source has the piece.
    const ready = Promise.allSettled(shipping.filter((_, index) => seeds.includes(index)));
    const scope = { onBytes, shipments: shipments.length };
    shipping.push(ready.then(() => ship(session, group, { ...one, pieces }, scope)));
  }
  await Promise.allSettled(shipping);
  bar?.stop();
  const seconds = ((performance.now() - start_ms) / 1000).toFixed(1);
  say(
    `sent ${formatBytes(sent)} in ${seconds} s; ${formatBytes(done - sent)} were there already or came from other providers`,
  );
  const head = await session.provider.getBlockNumber();
  return Promise.allSettled(
    shipping.map(async (shipped) => {
      const { consent, renew } = await shipped;
      return consent.deadline < head + consentLeft ? renew() : consent;
    }),
  );
}

type FetchScope = {
  readonly one: Planned;
  readonly piece: ListedPiece;
  readonly sources: readonly Planned[];
};

/** Adds to a public piece how its provider can fetch it: from providers that stored it before, or that receive it in this work. */
function withFetch(
  session: WritingSession,
  group: GroupAt,
  { one, piece, sources }: FetchScope,
): ListedPiece {
  const root = toHex(piece.entry.root);
  if (!one.publicRoots.has(root)) return piece;
  const keeping = workOf(session)
    .items.filter(({ isPublic }) => isPublic)
    .flatMap(({ kept }) => kept)
    .filter((copy) => copy.root === root)
    .map(({ provider }) => provider);
  const getting = sources.filter(({ publicRoots }) => publicRoots.has(root)).map(({ operator }) => operator);
  const places = [...new Set([...keeping, ...getting])].filter((operator) => operator !== one.operator);
  if (places.length === 0) return piece;
  return {
    ...piece,
    async fetch(order) {
      for (const from of places) if (await fetchFrom(session, { group, from }, order)) return true;
      return false;
    },
  };
}

async function replaceOne(
  session: WritingSession,
  {
    operator,
    why,
    isMember,
  }: { readonly operator: string; readonly why: string; readonly isMember: boolean },
  replace: Replace,
): Promise<void> {
  say(`provider ${operator} is lost: ${why}`);
  const before = workOf(session);
  const lost = before.providers.find((one) => one.operator === operator) as Sending;
  const work = { ...before, lost: [...before.lost, operator] };
  const other = Object.keys(lost.copies).length === 0 ? undefined : await replace(work, lost);
  if (other === undefined && Object.keys(lost.copies).length > 0) {
    throw new CliError({
      code: exitCodes.refused,
      message: `provider ${operator} is lost, and no other one can take its place`,
      actual: why,
      hint: "what was sent to the others is kept; run the same command again later",
    });
  }
  const providers = work.providers.flatMap((one) =>
    one.operator === operator ? (other === undefined ? [] : [other]) : [one],
  );
  if (other !== undefined) say(`provider ${other.operator} takes its place`);
  const ceiling = work.ceiling + (isMember && other !== undefined ? 1 : 0);
  await session.folder.save({ work: { ...work, ceiling, providers } });
}
