/** R44: who may read a piece, by the payer's signatures; and what the payer changes about it. */
import { refusal } from "../../protocol/codec/challenge.ts";
import type { Refusal } from "../../protocol/codec/challenge.ts";
import {
  permissionDigest,
  permissionSigner,
  revocationSigner,
  unlimitedBytes,
} from "../../protocol/codec/permission.ts";
import type { GroupDomain, Permission } from "../../protocol/codec/permission.ts";
import type { PublishPermission, RevokePermissions } from "../../protocol/codec/store.ts";
import type { Published, Revoked } from "../../protocol/codec/store-response.ts";
import { toHex, zeroHash } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import type { GroupPieces } from "./group-pieces.ts";
import type { Quota } from "./quotas.ts";
import { mostOfGroup } from "./reading-store.ts";
import type { PublishedPermission, ReadingStore } from "./reading-store.ts";

export type ReadersChain = {
  readonly chainId: number;
  readonly groups: ReadonlySet<Hex>;
  payer(group: Hex): Promise<Hex>;
  head(): Promise<number>;
};

export type ReadersDependencies = {
  readonly chain: ReadersChain;
  readonly pieces: Pick<GroupPieces, "find" | "findPublic" | "isStored">;
  readonly kept: ReadingStore;
};

/** A piece that may be read, and the quota that its bytes count against. */
export type Readable = { readonly kind: "readable"; readonly entry: PieceEntry; readonly quota: Quota };

/** Stands for the peer id when a permission for anybody is checked: it names no peer. */
const noPeer = "";
/** Recovering a signer takes longer than reading a range. */
const maxSigners = 1024;

export class Readers {
  readonly #deps: ReadersDependencies;
  /** Signers of permissions, by digest and signature; undefined for an invalid one. */
  readonly #signers = new Map<string, Hex | undefined>();

  constructor(deps: ReadersDependencies) {
    this.#deps = deps;
  }

  /**
   * Checks a permission by signature and chain alone: nothing is read from disk without one.
   * @param peer text form of the peer that shows it; undefined: a reader without one, for whom only permissions for anybody count
   */
  async refused(
    domain: GroupDomain,
    permission: Permission,
    peer: string | undefined,
  ): Promise<Refusal | undefined> {
    const { chain, kept } = this.#deps;
    const { chainId, group } = domain;
    if (chainId !== chain.chainId || !chain.groups.has(group)) {
      return refusal("unknown-group", `${group}: not served here`);
    }
    if (peer === undefined && !permission.forAnybody) {
      return refusal("wrong-peer", "permission: expected one for anybody, actual one for a peer");
    }
    const signer = this.#signerOf(domain, peer ?? noPeer, permission);
    const payer = await chain.payer(group);
    if (signer !== payer) {
      return refusal("not-the-payer", `permission: expected by ${payer}, actual ${signer ?? "none"}`);
    }
    const head = await chain.head();
    if (head > permission.until) {
      return refusal("not-the-payer", `permission: ended with block ${permission.until}, head is ${head}`);
    }
    if (!kept.isRevoked(group, permission.sequence)) return undefined;
    return refusal("revoked", `permission ${permission.sequence}: the payer revoked it`);
  }

  /** A reader shows the same permission for every range. */
  #signerOf(domain: GroupDomain, peer: string, permission: Permission): Hex | undefined {
    const key = `${permissionDigest(domain, peer, permission)} ${toHex(permission.signature)}`;
    if (this.#signers.has(key)) return this.#signers.get(key);
    const signer = permissionSigner(domain, peer, permission);
    if (this.#signers.size >= maxSigners) this.#signers.clear();
    this.#signers.set(key, signer);
    return signer;
  }

  /** The piece that a permission lets its holder read. */
  async readable(
    domain: GroupDomain,
    permission: Permission,
    peer: string | undefined,
    root: Hex,
  ): Promise<Readable | Refusal> {
    const refused = await this.refused(domain, permission, peer);
    if (refused !== undefined) return refused;
    const { group } = domain;
    if (permission.root !== zeroHash && permission.root !== root) {
      return refusal("unknown-piece", `permission: expected for ${root}, actual for ${permission.root}`);
    }
    const entry = await this.#deps.pieces.find(group, root);
    if (entry === undefined) return refusal("unknown-piece", `${root}: not in a list of the group`);
    const name = permissionDigest(domain, peer ?? noPeer, permission);
    return { kind: "readable", entry, quota: { group, name, bytesPerDay: permission.bytesPerDay } };
  }

  /** A piece that anybody may read without a permission of its own; undefined if there is none. */
  async open(root: Hex): Promise<Readable | undefined> {
    const { pieces, kept } = this.#deps;
    if (!(await pieces.isStored(root))) return undefined;
    const asPublic = await pieces.findPublic(root);
    if (asPublic !== undefined) {
      const quota = { group: "public", name: root, bytesPerDay: unlimitedBytes };
      return { kind: "readable", entry: asPublic, quota };
    }
    for (const group of kept.publishing()) {
      const entry = await pieces.find(group, root);
      if (entry === undefined) continue;
      const permission = await this.#valid(group, root);
      if (permission === undefined) continue;
      const { digest, bytesPerDay } = permission;
      return { kind: "readable", entry, quota: { group, name: digest, bytesPerDay } };
    }
    return undefined;
  }

  /** The permission for anybody that covers a piece and ends last. */
  async #valid(group: Hex, root: Hex): Promise<PublishedPermission | undefined> {
    const { chain, kept } = this.#deps;
    const covering = kept.published(group).filter(({ root: only }) => only === zeroHash || only === root);
    if (covering.length === 0 || !chain.groups.has(group)) return undefined;
    const [payer, head] = await Promise.all([chain.payer(group), chain.head()]);
    return covering
      .filter(({ signer, until, sequence }) => {
        return signer === payer && until >= head && !kept.isRevoked(group, sequence);
      })
      .sort((a, b) => a.until - b.until)
      .at(-1);
  }

  /** Keeps a permission for anybody, by which readers without one are served. */
  async publish(message: PublishPermission): Promise<Published | Refusal> {
    const { chain, kept } = this.#deps;
    const { group } = message;
    const refused = await this.refused(message, message, undefined);
    if (refused !== undefined) return refused;
    const digest = permissionDigest(message, noPeer, message);
    const known = kept.published(group);
    if (known.some((one) => one.digest === digest)) return { kind: "published" };
    const head = await chain.head();
    const over = known.filter(({ until }) => until < head);
    for (const one of over) await kept.unpublish(group, one.digest);
    if (known.length - over.length >= mostOfGroup.published) {
      return refusal(
        "no-space",
        `permissions for anybody: expected at most ${mostOfGroup.published} a group`,
      );
    }
    const { root, until, bytesPerDay, sequence, signature } = message;
    const signer = await chain.payer(group);
    const terms = { forAnybody: true, root, until, bytesPerDay, sequence, signature };
    await kept.publish(group, { ...terms, digest, signer });
    // A revocation that arrived meanwhile counts.
    if (kept.isRevoked(group, sequence)) await kept.unpublish(group, digest);
    return { kind: "published" };
  }

  async revoke(message: RevokePermissions): Promise<Revoked | Refusal> {
    const { chain, kept } = this.#deps;
    const { chainId, group, first, last } = message;
    if (chainId !== chain.chainId || !chain.groups.has(group)) {
      return refusal("unknown-group", `${group}: not served here`);
    }
    const signer = revocationSigner(message, message);
    const payer = await chain.payer(group);
    if (signer !== payer) {
      return refusal("not-the-payer", `revocation: expected by ${payer}, actual ${signer ?? "none"}`);
    }
    if (await kept.revoke(group, { first, last })) return { kind: "revoked" };
    return refusal(
      "no-space",
      `ranges of revoked sequences: expected at most ${mostOfGroup.gaps}; revoke a longer range`,
    );
  }
}
