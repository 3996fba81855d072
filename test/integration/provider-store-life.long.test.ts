/** R43: what a provider keeps, deletes and fetches, as the chain goes on. */
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { afterAll, beforeAll, expect, it } from "vitest";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { startProvider } from "../../provider/compose.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { changeOffer, loadConfig } from "../../provider/config.ts";
import { openStore } from "../../provider/ingest.ts";
import { rangeCount } from "../../storage/core/range.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { seededBytes } from "../support/files.ts";
import { parcelOf, twoPieces } from "../support/store-payer.ts";
import type { Parcel, StorePayer } from "../support/store-payer.ts";
import { StoreScene, until } from "../support/store-scene.ts";
import type { StoreProvider } from "../support/store-scene.ts";

let scene: StoreScene;
let provider: StoreProvider;
let running: RunningProvider;

beforeAll(async () => {
  scene = await StoreScene.open();
  provider = await scene.provider("provider", { regions: ["eu-west"], minLockup: 50 });
  running = await provider.start();
});

afterAll(async () => {
  await running.stop();
  await scene.close();
});

const payerOf = (group: Hex, keeper?: number): Promise<StorePayer> =>
  scene.payer(provider, () => running, group, keeper);

it("deletes what waited too long, and keeps pieces that another list needs", async () => {
  const group = await scene.group();
  const other = await scene.group();
  const shared = seededBytes(9_000, 45);
  const data = parcelOf([seededBytes(3_000, 41), shared]);
  const kept = parcelOf([shared]);
  const payer = await payerOf(group.address);
  const owner = await payerOf(other.address);
  for (const [one, what] of [
    [payer, data],
    [owner, kept],
  ] as const) {
    await one.store(what);
  }
  await scene.use(other, await scene.consent(owner, kept, other));
  // The payer got a consent and vanishes.
  expect(await scene.consent(payer, data, group)).toMatchObject({ kind: "consented" });
  const store = await openStore(provider.config);
  const here = async (at: Parcel, piece: number): Promise<boolean> =>
    (await store.faultOf(at.list.pieces.at(piece) as PieceEntry)) === undefined;
  expect([await here(data, 0), await here(data, 1)]).toEqual([true, true]);
  await until("the other group commits", async () => {
    const list = await store.currentList(other.address);
    return list && true;
  });
  await scene.mine(590);
  await sleep(2_500);
  expect(await here(data, 0)).toBe(true);
  await scene.mine(60);
  await until("the data is deleted", async () => ((await here(data, 0)) ? undefined : true));
  expect(await here(kept, 0)).toBe(true);
  // The request is forgotten after its data.
  await until("the request is forgotten", async () =>
    (await payer.have(data, 0)) === "unknown-request" ? true : undefined,
  );
});

it("keeps both lists while a change is unsettled, and deletes what ended after the grace time", async () => {
  const group = await scene.group();
  const payer = await payerOf(group.address);
  const stays = seededBytes(4_000, 51);
  const before = parcelOf([stays, seededBytes(6_000, 52)]);
  const after = parcelOf([stays, seededBytes(7_000, 53)]);
  for (const [i, data] of [before, after].entries()) {
    expect(await payer.propose(data)).toMatchObject({ kind: "accepted" });
    await payer.sendList(data);
    if (i === 0) await payer.ask({ kind: "name", digest: payer.digest(data), piece: 0, name: "stays" });
    // The piece that both lists have is not sent again.
    expect(await payer.sendMissing(data)).toBe(2 - i);
    await scene.use(group, await scene.consent(payer, data, group), i === 0 ? undefined : 0);
  }
  const store = await openStore(provider.config);
  await until("the second list is the group's", async () => {
    const list = await store.currentList(group.address);
    return list && toHex(list.root) === toHex(after.list.root) ? true : undefined;
  });
  const permission = await payer.permission(group.address, 1_000_000);
  const find = { kind: "find", chainId: scene.chain.chainId, group: group.address, name: "stays" } as const;
  expect(await payer.ask({ ...find, ...permission })).toMatchObject({ size: 4_000 });
  const ended = before.list.pieces.at(1) as PieceEntry;
  expect(await store.faultOf(ended)).toBeUndefined();
  await scene.chain.certify(scene.committee, [group]);
  await until("the first list ends", async () => {
    await scene.mine(10);
    return (await store.faultOf(ended)) === undefined ? undefined : true;
  });
  expect(await store.faultOf(before.list.pieces.at(0) as PieceEntry)).toBeUndefined();
  expect(await payer.ask({ ...find, ...permission })).toMatchObject({ size: 4_000 });
  await expect(stat(join(store.dir, "lists", `${toHex(before.list.root)}.json`))).rejects.toThrow(/ENOENT/);
});

it("fetches public pieces from another registered provider with the payer's permission", async () => {
  const group = await scene.group();
  const source = await payerOf(group.address);
  const data = twoPieces(61);
  const open = source.with({ isPublic: true });
  await open.store(data);
  await scene.use(group, await scene.consent(open, data, group));
  const fetcher = await scene.provider("fetcher");
  const second = await fetcher.start();
  try {
    await scene.announce(provider, running);
    const payer = (await scene.payer(fetcher, () => second, group.address)).with({ isPublic: true });
    expect(await payer.propose(data)).toMatchObject({ kind: "accepted" });
    await payer.sendList(data);
    const head = await scene.chain.world.chain.block();
    const permission = await payer.permission(group.address, head + 100, second.peerId);
    for (const piece of [0, 1]) {
      const fetch = {
        kind: "fetch",
        digest: payer.digest(data),
        piece,
        operator: provider.operator,
      } as const;
      expect(await payer.ask({ ...fetch, group: group.address, ...permission })).toMatchObject({
        kind: "fetching",
      });
    }
    await until("both pieces are whole", async () => {
      const looks = await Promise.all([payer.have(data, 0), payer.have(data, 1)]);
      for (const look of looks)
        if (typeof look === "string" || look.fault !== undefined) throw new Error(JSON.stringify(look));
      return looks.every((look) => typeof look !== "string" && look.whole) ? true : undefined;
    });
    expect(await scene.consent(payer, data, group)).toMatchObject({ kind: "consented" });
  } finally {
    await second.stop();
  }
});

it("stores for two payers at once, with several ranges of each under way", async () => {
  const parcels = [twoPieces(71), twoPieces(81)];
  const groups = [await scene.group(), await scene.group()];
  await Promise.all(
    parcels.map(async (data, i) => {
      const group = groups[i] as (typeof groups)[number];
      const payer = await payerOf(group.address, i);
      await payer.propose(data);
      await payer.sendList(data);
      const count = rangeCount(data.pieces[0]?.length ?? 0);
      const puts = [
        ...Array.from({ length: count }, (_, range) => payer.put(data, 0, range)),
        payer.put(data, 1, 0),
      ];
      expect((await Promise.all(puts)).every((answer) => typeof answer !== "string")).toBe(true);
      expect(await payer.sendMissing(data)).toBe(0);
      expect(await scene.consent(payer, data, group)).toMatchObject({ kind: "consented" });
    }),
  );
});

it("takes a changed offer and policy while it runs, and keeps them if the file is not valid", async () => {
  const other = await scene.provider("follows", { prices: [{ token: scene.token, perMonth: "0" }] });
  const follows = await startProvider(other.config, other.keys, pino({ level: "silent" }), undefined, {
    settings: () => loadConfig(other.configPath),
  });
  const group = await scene.group();
  const payer = await scene.payer(other, () => follows, group.address);
  const data = twoPieces(91);
  const price = async (): Promise<unknown> => {
    const answer = await payer.offer();
    if (typeof answer === "string") return answer;
    return answer.kind === "refusal" ? answer.code : answer.offer.prices[0]?.price;
  };
  // The settings are read every five seconds.
  const patience = { timeout: 30_000, interval: 500 };
  const isPriced = async (): Promise<boolean> => {
    const now = await price();
    return typeof now === "bigint" && now > 0n;
  };
  expect(await price()).toBe(0n);
  await changeOffer(other.configPath, { deny: [payer.wallet.address.toLowerCase() as Hex] });
  await expect.poll(() => payer.propose(data), patience).toBe("not-offered");
  await changeOffer(other.configPath, { deny: [], prices: [{ token: scene.token, perMonth: "4.5" }] });
  await expect.poll(isPriced, patience).toBe(true);
  const text = await readFile(other.configPath, "utf8");
  await writeFile(other.configPath, `${text}\nunknownSetting: 1\n`);
  await sleep(12_000);
  expect(await isPriced()).toBe(true);
  await writeFile(other.configPath, text);
  await changeOffer(other.configPath, "withdraw");
  await expect.poll(price, patience).toBe("not-offered");
  await follows.stop();
}, 120_000);

it("deletes parts of pieces that no request names, and keeps those that arrive", async () => {
  const other = await scene.provider("sweeps");
  const first = await other.start();
  let target = first;
  const group = await scene.group();
  const payer = await scene.payer(other, () => target, group.address);
  const data = twoPieces(95);
  await payer.propose(data);
  await payer.sendList(data, 0, 2);
  expect(await payer.put(data, 0, 0)).toEqual({ kind: "stored", whole: false });
  await first.stop();
  const incoming = join(other.config.dataDir, "store", "incoming");
  const orphan = join(incoming, "ab".repeat(32));
  await mkdir(orphan);
  await writeFile(join(orphan, "data"), "of a request that ended while its volume was gone");
  target = await other.start();
  await expect.poll(() => readdir(incoming), { timeout: 20_000 }).not.toContain("ab".repeat(32));
  const arriving = toHex([...data.list.pieces][0]?.root ?? new Uint8Array()).slice(2);
  expect(await readdir(incoming)).toEqual([arriving]);
  expect(await payer.sendMissing(data)).toBe(3);
  await target.stop();
}, 60_000);
