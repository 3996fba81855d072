/** Providers that store nothing: a receipt holds the number of leaves of 16 that they would prove. */
import type { ChallengeAnswer, ChallengeRequest } from "../../protocol/codec/challenge.ts";
import { fromHex, keccak, toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { decode } from "../../storage/core/bytes.ts";
import { makePieceList } from "../../storage/core/piece-list.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import { bytesProven } from "../../storage/core/proof.ts";
import { indexOfAddress } from "../chain/snapshots.ts";
import { hanging, madeOnce } from "./providers.ts";
import type { ProofChecks, ProviderWorld, Providers } from "./providers.ts";
import type { Signatures } from "../signatures/signatures.ts";

type ReceiptFields = {
  readonly keeper: Hex;
  /** Address of the group. */
  readonly group: Hex;
  readonly provider: number;
  readonly slot: number;
  readonly leaves: number;
  /** Names the key in place of a signature. */
  readonly signer: Hex;
};

const receiptBytes = 20 + 20 + 4 + 8 + 1 + 20;

const addressBytes = 20;

/** Addresses of keepers, groups and receipt keys; all worlds have the same. */
const addresses = new Map<Hex, Uint8Array>();

function bytesOfAddress(address: Hex): Uint8Array {
  let bytes = addresses.get(address);
  if (bytes === undefined) addresses.set(address, (bytes = fromHex(address, addressBytes)));
  return bytes;
}

/** Receipts share pages, since an array of its own has its own buffer, which costs more than a receipt. */
const receiptsOfPage = 128;
let page = new Uint8Array(0);
let view = new DataView(page.buffer);
let taken = 0;

/** The bytes of a receipt without cryptography. */
export function cheapReceipt({ keeper, group, provider, slot, leaves, signer }: ReceiptFields): Uint8Array {
  if (taken === page.length) {
    page = new Uint8Array(receiptsOfPage * receiptBytes);
    view = new DataView(page.buffer);
    taken = 0;
  }
  const at = taken;
  taken += receiptBytes;
  page.set(bytesOfAddress(keeper), at);
  page.set(bytesOfAddress(group), at + 20);
  view.setUint32(at + 40, provider);
  view.setUint32(at + 44, Math.floor(slot / 2 ** 32));
  view.setUint32(at + 48, slot % 2 ** 32);
  page[at + 52] = leaves;
  page.set(bytesOfAddress(signer), at + 53);
  return page.subarray(at, taken);
}

type ReadReceipt = { readonly fields: ReceiptFields; readonly hash: Hex };

type ReceiptsOfAnswer = readonly (ReadReceipt & { readonly receipt: Uint8Array })[];

/**
 * The receipts of the last answer. Its keeper gets the same byte arrays at once, in their order, so nobody decodes and hashes them
 * again. A list, since an array needs a hash code of its own before it can be the key of a map.
 */
let latest: ReceiptsOfAnswer = [];
let expected = 0;

function latestOf(receipt: Uint8Array): ReadReceipt | undefined {
  if (latest[expected]?.receipt === receipt) return latest[expected++];
  expected = latest.findIndex((one) => one.receipt === receipt) + 1;
  return expected === 0 ? undefined : latest[expected - 1];
}

/** Receipts that were read before: every keeper checks those that a reveal opens. */
const known = new WeakMap<Uint8Array, ReadReceipt>();

/** Fields and hash of a receipt; nobody changes its bytes. */
export function readReceipt(receipt: Uint8Array): ReadReceipt | undefined {
  const read = known.get(receipt) ?? latestOf(receipt);
  if (read !== undefined) return read;
  const fields = decodeReceipt(receipt);
  if (fields === undefined) return undefined;
  const first = { fields, hash: keccak(receipt) };
  known.set(receipt, first);
  return first;
}

/** The receipts of one answer, one for each of these fields. */
export function issueReceipts(all: readonly ReceiptFields[]): ReceiptsOfAnswer {
  const issued: ReceiptsOfAnswer[number][] = [];
  for (const fields of all) {
    const receipt = cheapReceipt(fields);
    issued.push({ fields, receipt, hash: keccak(receipt) });
  }
  expected = 0;
  return (latest = issued);
}

function decodeReceipt(receipt: Uint8Array): ReceiptFields | undefined {
  const decoded = decode(receipt, receiptBytes, (reader) => ({
    keeper: reader.hex(20, "keeper"),
    group: reader.hex(20, "group"),
    provider: reader.u32("provider"),
    slot: reader.u64("slot"),
    leaves: reader.u8("leaves"),
    signer: reader.hex(20, "signer"),
  }));
  return decoded.ok ? decoded.value : undefined;
}

/** Checks owner and content of seeds and receipts, but no storage proof. */
export function cheapChecks({ checks }: Pick<Signatures, "checks">): ProofChecks {
  const receiptHolds: ProofChecks["receiptHolds"] = (opened, scope) => {
    const { leaf, receipt, provider, slot } = opened;
    const read = readReceipt(receipt);
    if (leaf.kind !== "proven" || read?.hash !== leaf.receiptHash) return false;
    const { fields } = read;
    const known = scope.dataOf(opened);
    const total = known?.data.bytes ?? 0n;
    return (
      fields.signer === known?.data.receiptKey &&
      fields.group === known.group &&
      fields.keeper === scope.keeper.operator &&
      fields.provider === provider &&
      fields.slot === slot &&
      bytesProven(total, fields.leaves) === leaf.bytes
    );
  };
  return {
    receiptHolds,
    checkAnswer: ({ answer, request, target, list, receiptKey }) => {
      const read = readReceipt(answer.receipt);
      const { keeper, slot } = request;
      const { group, provider } = target;
      const about = read?.fields.group === group && read.fields.provider === provider;
      if (!about || read.fields.keeper !== keeper || read.fields.slot !== slot) {
        return { ok: false, code: "bad-receipt", detail: "not about this challenge" };
      }
      const { fields, hash } = read;
      if (fields.signer !== receiptKey) {
        return { ok: false, code: "bad-receipt", detail: "not signed by the provider" };
      }
      const value = {
        bytesProven: bytesProven(list.totalBytes, fields.leaves),
        proven: fields.leaves,
        receiptHash: hash,
      };
      return { ok: true, value };
    },
    openingsFault: (opened, proof, scope) => {
      if (!opened.every((leaf) => receiptHolds(leaf, scope))) return "reveal-bad-receipt";
      if (proof === undefined) return undefined;
      const { chainId, committee, blockHash = "0x" } = scope;
      const { slot, seed } = proof;
      const operator = scope.dataOf(proof)?.operator ?? "0x";
      const challenge = { chainId, committee, operator, slot, blockHash };
      return checks.verifySeed(challenge, seed, fromHex(scope.keeper.blsKey))
        ? undefined
        : "reveal-bad-proof";
    },
  };
}

export function cheapProviders(world: ProviderWorld): Providers {
  const { signatures } = world;
  const lists = new Map<Hex, PieceList>();
  return {
    checks: cheapChecks(signatures),
    dataOf: madeOnce((provider, bytes) => {
      // One invented piece of that size; its root stands for its bytes.
      const list = makePieceList([{ root: new Uint8Array(32).fill(provider + 1), size: Number(bytes) }]);
      const listRoot = toHex(list.root);
      lists.set(listRoot, list);
      return { listRoot, receiptKey: signatures.receiptKey(provider) };
    }),
    client: (keeper) => {
      const { random } = world.world;
      const pause = (): Promise<void> => world.world.sleep(random.integer(...world.delayMs));
      const hangs = hanging(world);
      return {
        challenge: async (_target, request, limits) => {
          await pause();
          // A provider has the same index in all of its groups.
          const provider = request.targets[0]?.provider ?? -1;
          const timeout = hangs(provider, request.slot, limits);
          if (timeout !== undefined) {
            await timeout;
            return { ok: false, reason: "late", detail: "hangs" };
          }
          const leaves = world.proves(provider, keeper);
          if (leaves === undefined) return { ok: false, reason: "unreachable", detail: "offline" };
          const spoiled = world.spoils(provider);
          if (spoiled === "slow") await world.world.sleep(world.tooLate_ms);
          // The first slot has no previous receipt.
          const slot = spoiled === "replay" ? Math.max(request.slot - 1, 0) : request.slot;
          const about = spoiled === "corrupt" ? nobody : request.keeper;
          const signer = signatures.receiptKey(provider);
          return {
            ok: true,
            answers: answersOf(world, request, { keeper: about, provider, slot, leaves, signer }),
          };
        },
        pieceList: async (_target, query) => {
          await pause();
          const list = lists.get(query.listRoot);
          return list === undefined || !world.servesList(query.provider, keeper)
            ? { ok: false, reason: "refused", detail: "no list" }
            : { ok: true, list };
        },
      };
    },
  };
}

/** One answer for each group of the request. */
function answersOf(
  world: ProviderWorld,
  { committee, targets }: ChallengeRequest,
  about: Omit<ReceiptFields, "group">,
): ChallengeAnswer[] {
  const { keeper, provider, slot, leaves, signer } = about;
  const all: ReceiptFields[] = [];
  for (const { group } of targets) all.push({ keeper, group, provider, slot, leaves, signer });
  const answers: ChallengeAnswer[] = [];
  for (const { fields, receipt, hash } of issueReceipts(all)) {
    const { group } = fields;
    const bytes = bytesProven(committedIn(world, committee, group, provider, slot), leaves);
    world.onReceipt(hash, { keeper, group, provider, slot, bytes });
    answers.push({ kind: "answer", receipt, proof: noProof });
  }
  return answers;
}

function committedIn(
  { chain }: ProviderWorld,
  committee: Hex,
  group: Hex,
  index: number,
  slot: number,
): bigint {
  const params = chain().paramsOf(indexOfAddress(committee));
  const model = chain().groupAt(indexOfAddress(group));
  const provider = model.providers[index];
  const start = params.originBlock + slot * params.slot;
  return provider === undefined ? 0n : model.bytesAt(provider, start);
}

const noProof = new Uint8Array();
const nobody: Hex = `0x${"00".repeat(20)}`;
