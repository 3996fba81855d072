/**
 * R43: gets damaged public data again from another provider, by the permission with which the payer let this provider fetch it. Only ranges that
 * cannot be proven here are fetched; each is verified on arrival.
 */
import { toHex } from "../../storage/core/bytes.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { rangeCount, rangePlace } from "../../storage/core/range.ts";
import { IncomingRanges, verifiedRange } from "../../storage/disk/incoming.ts";
import type { VerifiedRange } from "../../storage/disk/incoming.ts";
import type { Permission } from "../../protocol/codec/permission.ts";
import { zeroHash } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Source } from "./group-facts.ts";
import type { StoreDependencies } from "./ports.ts";
import type { KeptRequest } from "./requests.ts";

const rangeTimeout_ms = 30_000;
/** Providers that are asked for a piece: those that hold it under the same group. */
const maxSources = 16;

export type MendLog = {
  warn(fields: object, text: string): void;
  info(fields: object, text: string): void;
};

export type MendDependencies = Pick<
  StoreDependencies,
  "operator" | "chain" | "reads" | "store" | "requests" | "source"
> & {
  readonly log: MendLog;
  /** R44: the payer's permissions for anybody. */
  readonly published: (group: Hex) => readonly Permission[];
};

type GroupPermission = Permission & { readonly group: Hex };
type Way = { readonly source: Source; readonly operator: Hex; readonly permission: GroupPermission };

export class Mending {
  readonly #deps: MendDependencies;

  constructor(deps: MendDependencies) {
    this.#deps = deps;
  }

  /** Whether all ranges are stored again; the log says why not. */
  async mend(entry: PieceEntry, signal: AbortSignal): Promise<boolean> {
    const root = toHex(entry.root);
    try {
      const ways = await this.#ways(root);
      if (ways.length === 0) return false;
      const bytes = await this.#fetchDamaged(entry, ways, signal);
      this.#deps.log.info(
        { root, bytes },
        `${root}: ${bytes} damaged bytes were fetched from another provider`,
      );
      return true;
    } catch (error) {
      const text = `${root}: not fetched again: ${(error as Error).message}`;
      if (!signal.aborted) this.#deps.log.warn({ reason: "piece-not-fetched", root }, text);
      return false;
    }
  }

  /** Who may be asked, with the payer's permission; none for private data (R45), and none after the permission's end. */
  async #ways(root: Hex): Promise<Way[]> {
    const { chain, operator, reads, requests } = this.#deps;
    const ways: Way[] = [];
    let head: number | undefined;
    for (const kept of requests.all()) {
      if (!kept.request.isPublic || !kept.isChecked || kept.state === "over") continue;
      const list = await requests.list(kept);
      if (![...list.pieces].some((piece) => toHex(piece.root) === root)) continue;
      head ??= await chain.head();
      for (const { permission, named } of await this.#permissions(kept, root)) {
        if (permission.until < head) continue;
        const others = await reads.operators(permission.group);
        for (const other of new Set([...named, ...others])) {
          if (other === operator || ways.length >= maxSources) continue;
          const source = await reads.source(other);
          if (source !== undefined) ways.push({ source, operator: other, permission });
        }
      }
    }
    return ways;
  }

  /** `named`: the provider from which the payer let this one fetch. */
  async #permissions(
    kept: KeptRequest,
    root: Hex,
  ): Promise<{ readonly permission: GroupPermission; readonly named: readonly Hex[] }[]> {
    const { requests, published } = this.#deps;
    const { group } = kept.request;
    const given = await requests.permission(kept);
    const own = given === undefined ? [] : [{ permission: given, named: [given.operator] }];
    const forAnybody = published(group)
      .filter((one) => one.root === zeroHash || one.root === root)
      .map((one) => ({ permission: { ...one, group }, named: [] }));
    return [...own, ...forAnybody];
  }

  /** Returns the number of bytes that were fetched. */
  async #fetchDamaged(entry: PieceEntry, ways: readonly Way[], signal: AbortSignal): Promise<number> {
    const { store } = this.#deps;
    const name = toHex(entry.root).slice(2);
    const places = await store.volumes.locate(name);
    // A copy whose bytes lie in the provider's own store on a disk is mended in its place; any other copy is stored anew.
    let patched = undefined;
    for (const { volume } of places) {
      if (volume.isLocal && (await volume.dataBytes(name)) === entry.size) patched ??= volume;
    }
    const anew = patched === undefined ? await IncomingRanges.open(store, entry) : undefined;
    let bytes = 0;
    for (let range = 0; range < rangeCount(entry.size); range++) {
      signal.throwIfAborted();
      if (anew?.has(range) === true) continue;
      const here = await store.readRange(entry, range);
      if (here !== undefined && anew === undefined) continue;
      const verified =
        (here && (await verifiedRange(entry, range, here))) ??
        (await this.#fetch(entry, range, ways, signal));
      if (here === undefined) bytes += verified.bytes.length;
      if (anew === undefined) await patched?.patch(name, rangePlace(entry.size, range).start, verified.bytes);
      else await anew.write(verified);
    }
    await anew?.publish();
    return bytes;
  }

  async #fetch(
    entry: PieceEntry,
    range: number,
    ways: readonly Way[],
    signal: AbortSignal,
  ): Promise<VerifiedRange> {
    const faults: string[] = [];
    for (const { source, operator, permission } of ways) {
      signal.throwIfAborted();
      try {
        const limit = AbortSignal.any([signal, AbortSignal.timeout(rangeTimeout_ms)]);
        const found = await this.#deps.source(source, { ...permission, entry, range }, limit);
        const verified = await verifiedRange(entry, range, found);
        if (verified !== undefined) return verified;
        faults.push(`${operator}: other bytes than the root says`);
      } catch (error) {
        faults.push(`${operator}: ${(error as Error).message}`);
      }
    }
    throw new Error(`range ${range}: no provider gives it: ${faults.join("; ").slice(0, 1_000)}`);
  }
}
