/** R29: a certificate with its groups, as keepers hand it to each other in pages of groups. */
import { ByteWriter, decode } from "../../storage/core/bytes.ts";
import type { ByteReader, DecodeCode } from "../../storage/core/bytes.ts";
import type { Result } from "../../storage/core/result.ts";
import { maxGroupItems } from "../certificate.ts";
import type { Certificate, CertifiedGroup } from "../certificate.ts";
import type { Hex } from "../hash.ts";
import { maxQuestionBytes, maxReplyBytes } from "./question.ts";

const pageVersion = 1;
const itemBytes = 4 + 16;
const groupBytes = 4 + 20 + 2;
const headBytes = 1 + 3 * 8 + 1 + 2 * 16 + 4 + 32 + 4;

/** Bytes of a remembered certificate's hash. */
const hashBytes = 25;

export type CertificateQuestion = {
  readonly committee: Hex;
  /** As the committee remembers the certificate. */
  readonly hash: Hex;
  /** Position of the first group. */
  readonly first: number;
};

export type CertificatePage = {
  readonly certificate: Certificate;
  /** From position `first` of the question on. */
  readonly groups: readonly CertifiedGroup[];
};

export function encodeCertificateQuestion({ committee, hash, first }: CertificateQuestion): Uint8Array {
  return new ByteWriter().u8(pageVersion).hex(committee, 20).hex(hash, hashBytes).u32(first).finish();
}

export function decodeCertificateQuestion(bytes: Uint8Array): Result<CertificateQuestion, DecodeCode> {
  return decode(bytes, maxQuestionBytes, (r) => {
    readPageVersion(r);
    return { committee: r.hex(20, "committee"), hash: r.hex(hashBytes, "hash"), first: r.u32("first group") };
  });
}

function readPageVersion(r: ByteReader): void {
  const version = r.u8("version");
  if (version !== pageVersion) r.fail("version", `expected ${pageVersion}, actual ${version}`);
}

/** As many groups from `first` on as fit a reply. */
export function encodeCertificatePage(
  certificate: Certificate,
  groups: readonly CertifiedGroup[],
  first: number,
): Uint8Array {
  let [size, end] = [headBytes, first];
  for (const { items } of groups.slice(first)) {
    size += groupBytes + items.length * itemBytes;
    if (size > maxReplyBytes) break;
    end++;
  }
  const c = certificate;
  const w = new ByteWriter().u8(pageVersion).u64(c.ts).u64(c.te).u64(c.version).u8(c.leader);
  w.u128(c.failed)
    .u128(c.payees)
    .u32(c.count)
    .hex(c.groups, 32)
    .u32(Math.max(0, end - first));
  for (const { number, group, items } of groups.slice(first, end)) {
    w.u32(number).hex(group, 20).u16(items.length);
    for (const { provider, spaceTime } of items) w.u32(provider).u128(spaceTime);
  }
  return w.finish();
}

/** Checks sizes and form; whoever asked checks hash and root. */
export function decodeCertificatePage(bytes: Uint8Array): Result<CertificatePage, DecodeCode> {
  return decode(bytes, maxReplyBytes, (r) => {
    readPageVersion(r);
    const certificate = {
      ts: r.u64("ts"),
      te: r.u64("te"),
      version: r.u64("version"),
      leader: r.u8("leader"),
      failed: r.u128("failed"),
      payees: r.u128("payees"),
      count: r.u32("count"),
      groups: r.hex(32, "root"),
    };
    const length = r.u32("groups");
    if (length * groupBytes > r.remaining) r.fail("range", `groups: ${length} do not fit the reply`);
    return { certificate, groups: Array.from({ length }, () => readGroup(r)) };
  });
}

function readGroup(r: ByteReader): CertifiedGroup {
  const number = r.u32("number");
  const group = r.hex(20, "group");
  const length = r.u16("items");
  if (length > maxGroupItems) r.fail("range", `items: expected at most ${maxGroupItems}, actual ${length}`);
  const items = Array.from({ length }, () => ({
    provider: r.u32("provider"),
    spaceTime: r.u128("space-time"),
  }));
  return { number, group, items };
}
