/**
 * Carries out what was planned: the group, the copies of every provider, the catalogue, the consents. It may be killed at any point and
 * called again: what it made is in the state, what it sent is at the providers, what it paid is on chain.
 */
import { GroupView, type GroupAt } from "../../client/group-view.ts";
import { planRemoveProvider, type DataConsent } from "../../client/provider-plans.ts";
import { registeredProvider, registryAt } from "../../client/registry.ts";
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
import { CliError, exitCodes } from "../console/exit.ts";
import { say } from "../console/output.ts";
import { formatBytes, progressBar } from "../console/progress.ts";
import { prepareGroup, sendStep, useConsents } from "./chain-steps.ts";
import { PieceCopy } from "./copy.ts";
import { targetOf } from "./discover.ts";
import type { WritingSession } from "./session.ts";
import type { Sending, SentPiece, StoreWork } from "./state.ts";
import { listOf, ship, type Shipment } from "./transfer.ts";
import { ProviderGoneError, ProviderRefusedError } from "./wire.ts";

export type Sources = (name: string) => Promise<ByteSource>;

/** Another provider in the place of one that was lost; undefined: there is none. */
export type Replace = (work: StoreWork, lost: Sending) => Promise<Sending | undefined>;

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
  const group = await prepareGroup(session, workOf(session));
  let consents: DataConsent[] | undefined;
  while (consents === undefined) {
    const copies = await makeCopies(session, sources);
    consents = await sendAll(session, group, { copies, replace });
  }
  // A provider that took the place of a member needs a place of its own.
  await prepareGroup(session, workOf(session));
  await useConsents(session, group, consents);
  await giveNotice(session, group, workOf(session).leaving);
  const done = workOf(session);
  onDone(done);
  const catalogue = catalogueOf(done);
  const { transactions } = folder.state;
  await folder.finish(group.address);
  return { group, catalogue, transactions };
}

function workOf({ folder }: WritingSession): StoreWork {
  const { work } = folder.state;
  if (work === undefined) throw new Error("there is no work");
  return work;
}

/** By provider and name; the catalogue's piece has the empty name. */
type Copies = ReadonlyMap<string, ReadonlyMap<string, PieceCopy>>;

const catalogueKey = "";

/** Makes every copy that is not made yet: encrypts and hashes it, and notes its root. */
async function makeCopies(session: WritingSession, sources: Sources): Promise<Copies> {
  const all = new Map<string, Map<string, PieceCopy>>();
  const total = bytesToMake(workOf(session));
  const bar = total > 0 ? progressBar({ label: "encrypting", total, format: formatBytes }) : undefined;
  let done = 0;
  const onBytes = (bytes: number): void => bar?.update((done += bytes));
  try {
    for (const { operator, copies } of workOf(session).providers) {
      const own = new Map<string, PieceCopy>();
      all.set(operator, own);
      for (const [name, piece] of Object.entries(copies)) {
        const item = workOf(session).items.find((one) => one.name === name);
        if (item === undefined) throw new Error(`no item ${name}`);
        const recipe = { name, source: await sources(name), isPublic: item.isPublic };
        const [copy, kept] = await copyOf(session, piece, recipe, onBytes);
        own.set(name, copy);
        if (kept !== piece)
          await keep(session, operator, (one) => ({ ...one, copies: { ...one.copies, [name]: kept } }));
      }
    }
  } finally {
    bar?.stop();
  }
  await makeCatalogues(session, all);
  return all;
}

function bytesToMake({ providers, items }: StoreWork): number {
  const sizes = new Map(items.map(({ name, bytes }) => [name, bytes]));
  return providers
    .flatMap(({ copies }) => Object.entries(copies))
    .reduce((sum, [name, { made }]) => sum + (made === undefined ? (sizes.get(name) ?? 0) : 0), 0);
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
  all: Map<string, Map<string, PieceCopy>>,
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
    all.get(operator)?.set(catalogueKey, copy);
    if (kept !== catalogue) await keep(session, operator, (one) => ({ ...one, catalogue: kept }));
  }
}

async function shipmentOf(session: WritingSession, sending: Sending, copies: Copies): Promise<Shipment> {
  const { provider, registry } = session;
  const { operator, price, kept } = sending;
  const own = copies.get(operator) ?? new Map<string, PieceCopy>();
  const old = kept.map(({ root, bytes }) => ({
    entry: { root: fromHex(root), size: bytes },
    copy: undefined,
  }));
  const { [catalogueKey]: _, ...named } = Object.fromEntries(own);
  const data = Object.values(named).map((copy) => ({ entry: copy.entry, copy }));
  const catalogue = own.get(catalogueKey);
  const last = catalogue === undefined ? [] : [{ entry: catalogue.entry, copy: catalogue }];
  // Two public items with the same bytes are one piece of the list.
  const known = new Set<string>();
  const pieces = [...old, ...data, ...last].filter(({ entry }) => {
    const root = toHex(entry.root);
    return known.has(root) ? false : known.add(root);
  });
  return {
    operator,
    target: targetOf(await registeredProvider(registryAt(registry, provider), operator)),
    price: BigInt(price),
    isPublic: workOf(session).items.some(({ isPublic }) => isPublic),
    pieces,
    catalogue: catalogue === undefined ? undefined : pieces.length - 1,
  };
}

type SendScope = { readonly copies: Copies; readonly replace: Replace };

/** Sends to all providers at once. Undefined: one was replaced, and everything is to be looked at again. */
async function sendAll(
  session: WritingSession,
  group: GroupAt,
  { copies, replace }: SendScope,
): Promise<DataConsent[] | undefined> {
  const { providers } = workOf(session);
  const onChain = new Map(
    (await new GroupView(session.provider, group).providers())
      .filter(({ closed }) => !closed)
      .map(({ operator, data }) => [operator.toLowerCase(), data.at(-1)?.listRoot]),
  );
  const shipments = (await Promise.all(providers.map((one) => shipmentOf(session, one, copies)))).filter(
    // A run that was killed may have used this consent already.
    (one) => onChain.get(one.operator.toLowerCase()) !== toHex(listOf(one).root),
  );
  const total = shipments.flatMap(({ pieces }) => pieces).reduce((sum, { entry }) => sum + entry.size, 0);
  const bar = total > 0 ? progressBar({ label: "sending", total, format: formatBytes }) : undefined;
  let [done, sent] = [0, 0];
  const onBytes = (bytes: number, isSent: boolean): void => {
    done += bytes;
    if (isSent) sent += bytes;
    bar?.update(done);
  };
  const ended = await Promise.allSettled(shipments.map((one) => ship(session, group, one, { onBytes })));
  bar?.stop();
  say(`sent ${formatBytes(sent)}; ${formatBytes(done - sent)} were there already`);
  const consents: DataConsent[] = [];
  const lost: { readonly operator: string; readonly why: string }[] = [];
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
