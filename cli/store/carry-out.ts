/**
 * Carries out the plan: the group, the copies of every provider, the catalogue, the consents. It may be killed at any point and
 * called again: what it made is in the state, what it sent is at the providers, what it paid is on chain.
 */
import { GroupView, type GroupAt } from "../../client/group-view.ts";
import { planRemoveProvider, type DataConsent } from "../../client/provider-plans.ts";
import { newEnvelope, type Envelope } from "../../client/storing/age-envelope.ts";
import type { ByteSource } from "../../client/storing/age-stream.ts";
import {
  changedCatalogue,
  decodeCatalogue,
  encodeCatalogue,
  type Catalogue,
  type CatalogueItem,
  type Copy,
} from "../../client/storing/catalogue.ts";
import { fromHex, toHex } from "../../storage/core/bytes.ts";
import { formatBytes, progressBar } from "../console/progress.ts";
import { noteOwnLists, refuseForeignChange } from "./beside.ts";
import { prepareGroup, sendStep, useConsents } from "./chain-steps.ts";
import { PieceCopy } from "./copy.ts";
import { catalogueKey, sendAll, type Copies, type MadeCopy, type Replace } from "./send-all.ts";
import type { WritingSession } from "./session.ts";
import { workOf, type Sending, type SentPiece, type StoreWork } from "./state.ts";

export type Sources = (name: string) => Promise<ByteSource>;

export type CarriedOut = {
  readonly group: GroupAt;
  readonly catalogue: Catalogue;
  readonly transactions: readonly string[];
};

export async function carryOut(
  session: WritingSession,
  sources: Sources,
  replace: Replace,
  /** Called with the work as it was carried out. */
  onDone: (work: StoreWork) => void = () => {},
): Promise<CarriedOut> {
  const { folder } = session;
  await refuseForeignChange(session, { address: workOf(session).group, lens: session.lens });
  const group = await prepareGroup(session, workOf(session));
  let consents: DataConsent[] | undefined;
  while (consents === undefined) {
    const copies = await makeCopies(session, sources);
    consents = await sendAll(session, group, { copies, replace });
  }
  // A provider that took the place of a member needs a place of its own.
  await prepareGroup(session, workOf(session));
  await refuseForeignChange(session, group);
  await noteOwnLists(session, consents);
  await useConsents(session, group, consents);
  await giveNotice(session, group, workOf(session).leaving);
  const done = workOf(session);
  onDone(done);
  const catalogue = catalogueOf(done);
  const { transactions } = folder.state;
  await folder.finish(group.address);
  return { group, catalogue, transactions };
}

/** Makes every copy that is not made yet: encrypts and hashes it, and notes its root. A public item is one piece for all. */
async function makeCopies(session: WritingSession, sources: Sources): Promise<Copies> {
  const all = new Map<string, Map<string, MadeCopy>>();
  const shared = new Map<string, MadeCopy>();
  const total = bytesToMake(workOf(session));
  const bar = total > 0 ? progressBar({ label: "preparing", total, format: formatBytes }) : undefined;
  let done = 0;
  const onBytes = (bytes: number): void => bar?.update((done += bytes));
  try {
    for (const { operator, copies } of workOf(session).providers) {
      const own = new Map<string, MadeCopy>();
      all.set(operator, own);
      for (const [name, piece] of Object.entries(copies)) {
        const item = itemOf(workOf(session), name);
        const known = shared.get(name) ?? storedElsewhere(session, sources, { item, piece });
        const made = known ?? (await makeCopy(session, sources, { item, piece, onBytes }));
        if (item.isPublic) shared.set(name, made);
        own.set(name, made);
        const { kept } = made;
        if (kept.made?.root !== piece.made?.root)
          await keep(session, operator, (one) => ({ ...one, copies: { ...one.copies, [name]: kept } }));
      }
    }
  } finally {
    bar?.stop();
  }
  await makeCatalogues(session, all);
  return all;
}

type Item = StoreWork["items"][number];

function itemOf({ items }: StoreWork, name: string): Item {
  const item = items.find((one) => one.name === name);
  if (item === undefined) throw new Error(`no item ${name}`);
  return item;
}

type Making = {
  readonly item: Item;
  readonly piece: SentPiece;
  readonly onBytes?: (bytes: number) => void;
};

/**
 * A public piece that a provider of the group stores already. The payer reads its bytes only if no other provider can fetch them from that
 * provider.
 */
function storedElsewhere(
  session: WritingSession,
  sources: Sources,
  { item, piece }: Making,
): MadeCopy | undefined {
  const { made } = piece;
  if (!item.isPublic || made === undefined || item.kept.every(({ root }) => root !== made.root))
    return undefined;
  let copy: Promise<PieceCopy> | undefined;
  return {
    entry: { root: fromHex(made.root), size: made.bytes },
    isPublic: true,
    kept: piece,
    copy: () => (copy ??= makeCopy(session, sources, { item, piece }).then((one) => one.copy())),
  };
}

async function makeCopy(
  session: WritingSession,
  sources: Sources,
  { item, piece, onBytes = () => {} }: Making,
): Promise<MadeCopy> {
  const { name, isPublic } = item;
  const recipe = { name, source: await sources(name), isPublic };
  const [copy, kept] = await copyOf(session, piece, recipe, onBytes);
  return { entry: copy.entry, isPublic, kept, copy: () => Promise.resolve(copy) };
}

/** Bytes that are read to make the copies. A public item is read once for all of its copies. */
function bytesToMake(work: StoreWork): number {
  const seen = new Set<string>();
  let bytes = 0;
  for (const { copies } of work.providers) {
    for (const [name, { made }] of Object.entries(copies)) {
      const item = itemOf(work, name);
      if (made !== undefined || (item.isPublic && seen.has(name))) continue;
      seen.add(name);
      bytes += item.bytes;
    }
  }
  return bytes;
}

async function keep(
  session: WritingSession,
  operator: string,
  change: (one: Sending) => Sending,
): Promise<void> {
  const work = workOf(session);
  const providers = work.providers.map((one) => (one.operator === operator ? change(one) : one));
  await session.folder.save({ work: { ...work, providers } });
}

type Recipe = { readonly name: string; readonly source: ByteSource; readonly isPublic: boolean };

/** The copy, and what to keep of it. The key is durable before anything is sealed with it. */
async function copyOf(
  { folder, identity, signal }: WritingSession,
  piece: SentPiece,
  { name, source, isPublic }: Recipe,
  onBytes: (bytes: number) => void,
): Promise<[PieceCopy, SentPiece]> {
  const { made } = piece;
  const envelope = isPublic ? undefined : (envelopeOf(piece) ?? (await newEnvelope(identity.recipient)));
  const recipe = { name, source, envelope };
  if (made !== undefined) {
    const tree = await folder.readTree(made.root);
    const entry = { root: fromHex(made.root), size: made.bytes };
    const copy = tree === undefined ? undefined : PieceCopy.decode(recipe, entry, tree);
    if (copy !== undefined) return [copy, piece];
  }
  const copy = await PieceCopy.make(recipe, { onBytes, signal });
  const root = toHex(copy.entry.root);
  if (made !== undefined && made.root !== root) {
    throw new Error(`${name} changed since its transfer began; run the command again with --discard`);
  }
  await folder.saveTree(root, copy.encode());
  const kept =
    envelope === undefined
      ? {}
      : { envelope: { head: toHex(envelope.head), payloadKey: toHex(envelope.payloadKey) } };
  return [copy, { ...kept, made: { root, bytes: copy.entry.size } }];
}

function envelopeOf({ envelope }: SentPiece): Envelope | undefined {
  return envelope && { head: fromHex(envelope.head), payloadKey: fromHex(envelope.payloadKey) };
}

/** The catalogue that the work leads to, of the copies made so far. */
function catalogueOf({ base, items, removed, providers }: StoreWork): Catalogue {
  const read = decodeCatalogue(new TextEncoder().encode(base));
  if (!read.ok) throw new Error(`the state's catalogue: ${read.detail}`);
  const put = items.map(({ kept, ...item }): CatalogueItem => {
    const made = providers.flatMap(({ operator, copies }): Copy[] => {
      const piece = copies[item.name]?.made;
      return piece === undefined ? [] : [{ provider: operator, root: piece.root, bytes: piece.bytes }];
    });
    return { ...item, copies: [...kept, ...made] };
  });
  return changedCatalogue(read.value, { put, remove: removed });
}

/** The catalogue for each provider. Its text changes with the providers; then every copy of it gets a new key. */
async function makeCatalogues(
  session: WritingSession,
  all: Map<string, Map<string, MadeCopy>>,
): Promise<void> {
  const bytes = encodeCatalogue(catalogueOf(workOf(session)));
  const text = new TextDecoder().decode(bytes);
  const work = workOf(session);
  if (work.catalogue !== text) {
    const providers = work.providers.map((one) => ({ ...one, catalogue: undefined }));
    await session.folder.save({ work: { ...work, catalogue: text, providers } });
  }
  const source = {
    size: bytes.length,
    read: (start: number, count: number) => Promise.resolve(bytes.subarray(start, start + count)),
  };
  for (const { operator, catalogue = {} } of workOf(session).providers) {
    const recipe = { name: "the catalogue", source, isPublic: false };
    const [copy, kept] = await copyOf(session, catalogue, recipe, () => {});
    const made = { entry: copy.entry, isPublic: false, kept, copy: () => Promise.resolve(copy) };
    all.get(operator)?.set(catalogueKey, made);
    if (kept !== catalogue) await keep(session, operator, (one) => ({ ...one, catalogue: kept }));
  }
}

/** Providers that store nothing of the payer any more, or were lost, leave with notice. */
async function giveNotice(
  session: WritingSession,
  group: GroupAt,
  leaving: readonly string[],
): Promise<void> {
  for (const operator of leaving) {
    const accounts = await new GroupView(session.provider, group).providers();
    const account = accounts.find(
      (one) => !one.closed && one.operator.toLowerCase() === operator.toLowerCase(),
    );
    if (account === undefined || account.noticeByPayer) continue;
    await sendStep(session, await planRemoveProvider(session.signer, group, account.index));
  }
}
