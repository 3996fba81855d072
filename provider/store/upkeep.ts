/**
 * Follows the requests on the chain (R43): data to which a group commits stays; data that waited too long, and data whose commitment ended, is
 * deleted. Every step can be repeated after a crash.
 */
import { fromHex, toHex } from "../../storage/core/bytes.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import type { Hex } from "../../protocol/hash.ts";
import { waitingBlocks } from "./policy.ts";
import type { StoreDependencies } from "./ports.ts";
import { commitsTo } from "./proposals.ts";
import type { Proposals } from "./proposals.ts";
import type { Receiving } from "./receiving.ts";
import { keyOf } from "./requests.ts";
import type { KeptRequest } from "./requests.ts";

/** A consent used in its last block may be seen so many blocks later. */
const settleBlocks = 16;

export class Upkeep {
  readonly #deps: StoreDependencies;
  readonly #proposals: Proposals;
  readonly #receiving: Receiving;

  /** Head at which a request was last seen to have got new ranges, by key; after a restart the payer has to send one. */
  readonly #grownAt = new Map<string, number>();

  constructor(deps: StoreDependencies, proposals: Proposals, receiving: Receiving) {
    this.#deps = deps;
    this.#proposals = proposals;
    this.#receiving = receiving;
  }

  /** Looks at every request once. Rejects if no endpoint answers; then nothing is deleted. */
  async look(): Promise<void> {
    const head = await this.#deps.chain.head();
    for (const kept of this.#deps.requests.all()) await this.#lookAt(kept, head);
  }

  /** Deletes what arrived of pieces that no request names: their volume was gone when the request ended. */
  async sweep(): Promise<void> {
    const { requests, store, events } = this.#deps;
    // Requests are durable before their data, so those that are read now name every piece found before.
    const found = await store.incomingRoots();
    const needed = new Set<string>();
    for (const kept of requests.all()) {
      if (!kept.isChecked) continue;
      for (const { root } of (await requests.list(kept)).pieces) needed.add(toHex(root));
    }
    for (const root of found.filter((one) => !needed.has(one))) {
      await store.dropIncoming({ root: fromHex(root) });
      events.swept({ root: root as Hex });
    }
  }

  async #lookAt(kept: KeptRequest, head: number): Promise<void> {
    const { chain, requests, settings, events } = this.#deps;
    const { request, state } = kept;
    const { group, listRoot, bytes } = request;
    const isCommitted = commitsTo(await chain.standing(group), listRoot);
    const same = requests.get(request);
    // It changed during the read: the next look sees it.
    if (same !== kept) return;
    if (isCommitted) {
      if (state !== "serving") await this.#commit(kept);
      return;
    }
    switch (state) {
      case "serving": {
        const until = head + settings.graceBlocks;
        await requests.put({ ...kept, state: "over", until });
        return events.over({ group, listRoot, bytes, until });
      }
      case "over":
        if (head > kept.until) await this.#drop(kept, "the group commits to it no more");
        return;
      case "waiting":
        if (this.#receiving.hasGrown(kept.digest)) this.#grownAt.set(keyOf(request), head);
        if (head > kept.until && head > kept.consentUntil + settleBlocks) await this.#endOfWait(kept, head);
    }
  }

  async #commit(kept: KeptRequest): Promise<void> {
    const { chain, requests, store, events } = this.#deps;
    const { group, listRoot, bytes } = kept.request;
    const list = await requests.list(kept);
    await store.useList(list, group);
    await store.endWait(list, group);
    await requests.put({ ...kept, state: "serving" });
    chain.serve(group);
    events.committed({ group, listRoot, bytes });
  }

  /** Data that still arrives, for an escrow that carries it, waits on. */
  async #endOfWait(kept: KeptRequest, head: number): Promise<void> {
    const { requests } = this.#deps;
    const until = (this.#grownAt.get(keyOf(kept.request)) ?? 0) + waitingBlocks;
    if (until >= head) {
      const fault = await this.#proposals.judge(kept);
      if (fault === undefined) return requests.put({ ...kept, until });
      return this.#drop(kept, `it is not accepted any more: ${fault.detail}`);
    }
    await this.#drop(kept, `the group did not commit to it until block ${kept.until}`);
  }

  async #drop(kept: KeptRequest, reason: string): Promise<void> {
    const { chain, requests, store, rooms, events } = this.#deps;
    const { group, listRoot } = kept.request;
    let bytes = 0;
    if (kept.isChecked) {
      const list = await requests.list(kept);
      const needed = await this.#neededRoots(kept);
      for (const entry of list.pieces) {
        if (!needed.has(toHex(entry.root))) bytes += await this.#deletePiece(entry);
      }
      const others = requests.all().some((one) => one !== kept && one.request.listRoot === listRoot);
      if (!others) await store.forgetList(list, group);
      await store.endWait(list, group);
    }
    await requests.drop(kept);
    this.#grownAt.delete(keyOf(kept.request));
    rooms.forget(kept);
    if (!requests.all().some(({ request }) => request.group === group)) chain.leave(group);
    events.dropped({ group, listRoot, bytes, reason });
  }

  async #deletePiece(entry: PieceEntry): Promise<number> {
    const { store } = this.#deps;
    await this.#receiving.forget(entry);
    return store.deletePiece(toHex(entry.root));
  }

  /** Roots of the pieces of all other requests, and of all current lists. */
  async #neededRoots(without: KeptRequest): Promise<ReadonlySet<string>> {
    const { chain, requests, store } = this.#deps;
    const roots = new Set<string>();
    for (const kept of requests.all()) {
      if (kept === without || !kept.isChecked) continue;
      for (const { root } of (await requests.list(kept)).pieces) roots.add(toHex(root));
    }
    const { group: endedGroup, listRoot } = without.request;
    for (const { group, list } of await store.currentLists()) {
      // The list that ends may still be the group's current one.
      if (group === endedGroup && toHex(list.root) === listRoot) continue;
      for (const { root } of list.pieces) roots.add(toHex(root));
    }
    // Lists of other groups that are not current any more, but may still be challenged.
    for (const group of chain.groups) {
      for (const data of (await chain.standing(group)).own?.data ?? []) {
        const list = data.bytes === 0n ? undefined : await store.list(fromHex(data.listRoot));
        for (const { root } of list?.pieces ?? []) roots.add(toHex(root));
      }
    }
    return roots;
  }
}
