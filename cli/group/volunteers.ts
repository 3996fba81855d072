/** `whitepay group volunteers`: the providers that store files of an archive for nothing, and their consents; the payer adds them (R33, R46). */
import type { Command } from "commander";
import { getAddress, type JsonRpcProvider } from "ethers";
import { filesOf, canonicalBytes, manifestRoot } from "../../archive/manifest.ts";
import type { Manifest } from "../../archive/schema.ts";
import { registryOfGroup } from "../../client/group-plans.ts";
import { GroupView, type DataChange, type GroupAt, type ProviderAccount } from "../../client/group-view.ts";
import { inParallel } from "../../client/in-parallel.ts";
import {
  dataConsentDigest,
  planAddProvider,
  planChangeData,
  type DataConsent,
} from "../../client/provider-plans.ts";
import { allParties, registryAt, type Party } from "../../client/registry.ts";
import { isSignedBy } from "../../client/signed-by.ts";
import { providerClient } from "../../keeper/adapters/libp2p/provider.ts";
import { counted } from "../../protocol/counted.ts";
import type { Hex } from "../../protocol/hash.ts";
import { toHex } from "../../storage/core/bytes.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import { readManifestFile } from "../archive/manifest-file.ts";
import { groupOf, payerSigner, withChain, type PayerOptions } from "../chain/account.ts";
import { registeredLocator } from "../chain/relays.ts";
import { transact, type TransactionReport } from "../chain/transact.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import { drawn, targetOf } from "../store/discover.ts";
import { askStore, type Line } from "../store/wire.ts";
import { dialingNode } from "./retrieve/download.ts";
import { spendingOptions } from "./one-transaction.ts";

/** At 16 at once, 30 s each, silent providers cost at most 8 minutes together. */
const mostAsked = 256;
const askedAtOnce = 16;
const listTimeout_ms = 30_000;

type VolunteersOptions = PayerOptions & { readonly manifest: readonly string[]; readonly add?: true };

export function registerVolunteers(group: Command): void {
  const command = group
    .command("volunteers")
    .description(
      "show the providers that store files of the archive for nothing (`provider volunteer`); with --add add them, or their new data",
    )
    .requiredOption(
      "--manifest <files...>",
      "archive.json of the archive, earlier editions too: data must be files of these",
    )
    .option("--add", "send the transactions for those that can be added");
  spendingOptions(command).action((options: VolunteersOptions) => volunteers(options));
}

type Scope = {
  readonly provider: JsonRpcProvider;
  readonly group: GroupAt;
  readonly view: GroupView;
  readonly chainId: number;
  readonly line: Line;
  /** Roots of the archive: files, dropped files and manifests. */
  readonly roots: ReadonlySet<string>;
};

export type Volunteer = {
  readonly operator: string;
  readonly bytes: bigint;
  readonly files: number;
  /** Why it is not added; undefined: it can be. */
  readonly fault: string | undefined;
  readonly consent: DataConsent;
  /** Its account, if it is in the group. */
  readonly account: ProviderAccount | undefined;
};

async function volunteers(options: VolunteersOptions): Promise<void> {
  const manifests: Manifest[] = [];
  for (const path of options.manifest) manifests.push((await readManifestFile(path)).manifest);
  await withChain(options, async (provider, payer) => {
    const group = await groupOf(provider, payer);
    const registry = await registryOfGroup(provider, group);
    const libp2p = await dialingNode();
    try {
      const scope: Scope = {
        provider,
        group,
        view: new GroupView(provider, group),
        chainId: Number((await provider.getNetwork()).chainId),
        line: { libp2p, locator: registeredLocator(libp2p, provider, async () => registry) },
        roots: rootsOf(manifests),
      };
      const parties = drawn(await allParties(registryAt(registry, provider), "provider"), mostAsked);
      const found = await inParallel(parties, askedAtOnce, (party) => asked(scope, party));
      const all = found.filter((one) => one !== undefined);
      if (options.json !== true) all.forEach(tell);
      const sent = options.add === true ? await addAll(all, scope, payer, options) : [];
      if (options.json === true) {
        printJson({
          group: group.address,
          volunteers: all.map(({ consent: _consent, account, ...one }) => ({
            ...one,
            isIn: account !== undefined,
          })),
          transactions: sent,
        });
      } else if (all.length === 0) printLine("no provider volunteers for this group");
      else if (options.add !== true && all.some(({ fault }) => fault === undefined))
        say("next: whitepay group volunteers --add");
    } finally {
      await libp2p.stop();
    }
  });
}

function rootsOf(manifests: readonly Manifest[]): Set<string> {
  return new Set(
    manifests.flatMap((manifest) => [
      ...filesOf(manifest).map(({ root }) => root),
      ...manifest.dropped.map(({ root }) => root),
      manifestRoot(canonicalBytes(manifest)),
      ...(manifest.previous === null ? [] : [manifest.previous]),
    ]),
  );
}

/** Undefined: the provider does not volunteer, or does not answer. */
async function asked(scope: Scope, party: Party): Promise<Volunteer | undefined> {
  const { line, chainId, group } = scope;
  const address = group.address.toLowerCase() as Hex;
  const answer = await askStore(line, targetOf(party), {
    kind: "volunteered",
    chainId,
    group: address,
  }).catch(() => undefined);
  if (answer === undefined) return undefined;
  const { kind: _kind, signature, bytes, ...terms } = answer;
  const consent: DataConsent = {
    ...terms,
    group: address,
    bytes: BigInt(bytes),
    signature: toHex(signature),
  };
  const index = await scope.view.providerOf(party.operator);
  const [found] = index === undefined ? [] : await scope.view.providerPage(index, 1);
  const account = found?.closed === false ? found : undefined;
  const common = { operator: getAddress(party.operator), bytes: consent.bytes, consent, account };
  const fault = await termsFault(scope, party, consent);
  if (fault !== undefined) return { ...common, files: 0, fault };
  const list = await listOf(scope, party, consent);
  if (list === undefined) return { ...common, files: 0, fault: "it does not give the list of its data" };
  return { ...common, files: list.pieces.length, fault: await dataFault(scope, party, list, account) };
}

async function termsFault(
  { provider, view }: Scope,
  party: Party,
  consent: DataConsent,
): Promise<string | undefined> {
  const { operator, price, sequence, deadline, committee, signature } = consent;
  if (getAddress(operator) !== getAddress(party.operator)) return `the consent is ${operator}'s`;
  if (price !== 0n) return `it asks for ${counted(price, "unit")} per 2^64 byte·blocks: group add-provider`;
  const [used, effective, head] = await Promise.all([
    view.consentSequence(operator),
    view.effectiveFrom(),
    provider.getBlockNumber(),
  ]);
  if (sequence <= used) return "its consent is used already, or revoked";
  if (deadline <= head) return `its consent ended with block ${deadline}: it signs a new one`;
  if (getAddress(committee) !== getAddress(effective.committee)) {
    return `its consent is for committee ${committee}, ${effective.committee} serves the group: it signs a new one`;
  }
  const digest = await dataConsentDigest(provider, consent);
  const isSigned = await isSignedBy(provider, operator, digest, signature);
  return isSigned ? undefined : "the signature is not its operator's";
}

async function listOf(
  { line, chainId }: Scope,
  party: Party,
  { group, committee, listRoot, bytes }: Pick<DataConsent, "group" | "committee" | "listRoot" | "bytes">,
): Promise<PieceList | undefined> {
  const query = {
    chainId,
    committee: committee as Hex,
    group: group as Hex,
    provider: 0,
    listRoot: listRoot as Hex,
    bytes,
  };
  const limits = { timeout_ms: listTimeout_ms };
  const listed = await providerClient(line).pieceList(targetOf(party), query, limits);
  return listed.ok ? listed.list : undefined;
}

/** Keepers are paid to check what is in the list, and nothing that is stored now may leave it. */
async function dataFault(
  scope: Scope,
  party: Party,
  list: PieceList,
  account: ProviderAccount | undefined,
): Promise<string | undefined> {
  const roots = new Set([...list.pieces].map(({ root }) => toHex(root) as string));
  const now = account?.data.at(-1);
  const isNew = now === undefined || now.bytes === 0n;
  if (!isNew && now.price !== 0n) return "it stores for pay in this group: group set-data";
  const before = isNew ? new Set<string>() : await presentRoots(scope, party, now);
  if (before === undefined) return "it does not give the list of its present data";
  const foreign = [...roots].filter((root) => !scope.roots.has(root) && !before.has(root));
  if (foreign.length > 0)
    return `${counted(foreign.length, "piece")} of its data ${foreign.length === 1 ? "is" : "are"} in none of the manifests: ${foreign[0]}`;
  const lost = [...before].filter((root) => !roots.has(root));
  return lost.length === 0
    ? undefined
    : `its new data lacks ${counted(lost.length, "piece")} of its present data: group set-data`;
}

async function presentRoots(
  scope: Scope,
  party: Party,
  now: DataChange,
): Promise<ReadonlySet<string> | undefined> {
  const { committee } = await scope.view.effectiveFrom();
  const group = scope.group.address.toLowerCase();
  const list = await listOf(scope, party, { ...now, group, committee: committee.toLowerCase() });
  return list && new Set([...list.pieces].map(({ root }) => toHex(root)));
}

function tell({ operator, bytes, files, fault, account }: Volunteer): void {
  const what = account === undefined ? "can be added" : "its new data can be set";
  const held = files === 0 ? "" : `${counted(files, "piece")}, `;
  printLine(`${operator}  ${held}${formatBytes(Number(bytes))}: ${fault ?? what}`);
}

async function addAll(
  all: readonly Volunteer[],
  { provider, group }: Scope,
  payer: Parameters<typeof payerSigner>[1],
  options: VolunteersOptions,
): Promise<TransactionReport[]> {
  const reports: TransactionReport[] = [];
  const ready = all.filter(({ fault }) => fault === undefined);
  if (ready.length === 0) return reports;
  const signer = await payerSigner(provider, payer);
  for (const { consent, account } of ready) {
    const plan = account === undefined ? planAddProvider : planChangeData;
    reports.push(await transact(await plan(signer, group, consent), signer, options));
  }
  return reports;
}
