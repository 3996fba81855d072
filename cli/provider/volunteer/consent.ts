/** The consent at price 0 to what a host stores of an archive: signed when it is needed, and kept where the payer's question finds it (R33). */
import type { JsonRpcProvider } from "ethers";
import { GroupView, type GroupAt, type ProviderAccount } from "../../../client/group-view.ts";
import type { ProviderConfig, ProviderKeys } from "../../../provider/config.ts";
import { consentFor, type DataConsent } from "../../../provider/consent.ts";
import { keepVolunteeredConsent, volunteeredConsent } from "../../../provider/store/volunteering.ts";
import { counted } from "../../../protocol/counted.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { toHex } from "../../../storage/core/bytes.ts";
import type { PieceList } from "../../../storage/core/piece-list.ts";
import { usageError } from "../../console/exit.ts";

/** Blocks in which the payer may use a consent: a month of blocks of 12 s. */
const consentBlocks = 216_000;

export type ConsentState = {
  /** `committed`: the group commits to all of the list. `waiting`: an earlier consent can still be used. */
  readonly state: "committed" | "waiting" | "signed";
  readonly listRoot: Hex;
  readonly bytes: bigint;
  readonly consent: DataConsent | undefined;
  /** File of the consent. */
  readonly path: string | undefined;
};

export type ConsentScope = {
  readonly config: ProviderConfig;
  readonly keys: ProviderKeys;
  readonly provider: JsonRpcProvider;
  readonly operator: string;
  readonly group: GroupAt;
};

/** @throws CliError exit 2 if the group pays this provider: a consent to all of its data at price 0 would end that */
export async function checkUnpaid({
  provider,
  operator,
  group,
}: Pick<ConsentScope, "provider" | "operator" | "group">): Promise<void> {
  const newest = (await accountOf(new GroupView(provider, group), operator))?.data.at(-1);
  if (newest === undefined || newest.bytes === 0n || newest.price === 0n) return;
  throw usageError("the group pays this provider for its data, and a consent at price 0 would end that", {
    expected: "a provider that is not in the group, or asks for nothing there",
    actual: `${counted(newest.price, "unit")} per 2^64 byte·blocks`,
    hint: "let another provider of yours volunteer, or sign yourself: whitepay provider ingest, provider consent",
  });
}

/** Undefined: it is not in the group, or leaves it. */
async function accountOf(view: GroupView, operator: string): Promise<ProviderAccount | undefined> {
  const index = await view.providerOf(operator);
  const [account] = index === undefined ? [] : await view.providerPage(index, 1);
  return account === undefined || account.closed || account.leavesAt !== undefined ? undefined : account;
}

/** @param list what is stored for the group */
export async function volunteerConsent(
  { config, keys, provider, operator, group }: ConsentScope,
  list: PieceList,
): Promise<ConsentState> {
  const view = new GroupView(provider, group);
  const [account, used, { committee }, head, before] = await Promise.all([
    accountOf(view, operator),
    view.consentSequence(operator),
    view.effectiveFrom(),
    provider.getBlockNumber(),
    volunteeredConsent(config.dataDir, group.address),
  ]);
  const listRoot = toHex(list.root);
  const common = { listRoot, bytes: list.totalBytes };
  if (account?.data.at(-1)?.listRoot.toLowerCase() === listRoot)
    return { state: "committed", ...common, consent: undefined, path: undefined };
  const isUsable =
    before !== undefined &&
    before.listRoot === listRoot &&
    before.committee === committee.toLowerCase() &&
    before.sequence === used + 1 &&
    // Half of its time is left for the payer.
    before.deadline > head + consentBlocks / 2;
  const consent = isUsable
    ? before
    : await consentFor(config, keys, group.address.toLowerCase() as Hex, {
        price: 0n,
        deadline: head + consentBlocks,
      });
  const path = await keepVolunteeredConsent(config.dataDir, consent);
  return { state: isUsable ? "waiting" : "signed", ...common, consent, path };
}
