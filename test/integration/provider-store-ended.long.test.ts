/** R43: data to which a group commits no more: how long it stays, what protects its pieces, and the room that it needs. */
import { appendFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { afterAll, beforeAll, expect, it } from "vitest";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { startProvider } from "../../provider/compose.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { loadConfig } from "../../provider/config.ts";
import { openStore } from "../../provider/ingest.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { seededBytes } from "../support/files.ts";
import { parcelOf } from "../support/store-payer.ts";
import type { Parcel, StorePayer } from "../support/store-payer.ts";
import { StoreScene, until } from "../support/store-scene.ts";
import type { StoreProvider } from "../support/store-scene.ts";

/** More than the 600 blocks for which data waits for its group (R43). */
const graceBlocks = 1_000;
/** The provider looks at its requests every two seconds. */
const twoLooks_ms = 4_500;

let scene: StoreScene;
let provider: StoreProvider;
let running: RunningProvider;

beforeAll(async () => {
  scene = await StoreScene.open();
  // The volume has room for the large parcel once.
  provider = await scene.provider("provider", { minLockup: 50, graceBlocks }, { maxBytes: 3_200_000 });
  running = await provider.start();
});

afterAll(async () => {
  await running.stop();
  await scene.close();
});

const payerOf = (group: Hex, keeper?: number): Promise<StorePayer> =>
  scene.payer(provider, () => running, group, keeper);

it("stays for the grace time with its pieces, needs room of its own to be stored again, and is deleted then", async () => {
  const group = await scene.group();
  const payer = await payerOf(group.address);
  const shared = seededBytes(5_000, 1);
  const large = parcelOf([shared, seededBytes(2_000_000, 2)]);
  const small = parcelOf([seededBytes(4_000, 3)]);
  const store = await openStore(provider.config);
  const isHere = async ({ list }: Parcel, piece: number): Promise<boolean> =>
    (await store.faultOf(list.pieces.at(piece) as PieceEntry)) === undefined;
  for (const [i, data] of [large, small].entries()) {
    await payer.store(data);
    await scene.use(group, await scene.consent(payer, data, group), i === 0 ? undefined : 0);
    await until("the list is the group's", async () => {
      const list = await store.currentList(group.address);
      return list && toHex(list.root) === toHex(data.list.root) ? true : undefined;
    });
    // A change for the same slot would replace this one (R33).
    await scene.chain.world.chain.before((await group.changesAt(0)) + 1);
  }
  await scene.chain.certify(scene.committee, [group]);
  await until("the first list ends", async () => {
    await scene.mine(10);
    return (await payer.have(large, 0)) === "unknown-request" ? true : undefined;
  });
  const ended = await scene.chain.world.chain.block();
  expect(await payer.propose(large)).toBe("no-space");

  // A request with the same piece waits too long, and is dropped.
  const other = await scene.group();
  const waiting = parcelOf([shared, seededBytes(6_000, 4)]);
  await (await payerOf(other.address, 1)).store(waiting);
  expect(await isHere(waiting, 1)).toBe(true);
  // The look after its last range begins the 600 blocks.
  await sleep(twoLooks_ms);
  await scene.mine(650);
  await until("the request is dropped", async () => ((await isHere(waiting, 1)) ? undefined : true));
  await sleep(twoLooks_ms);
  expect([await isHere(large, 0), await isHere(large, 1)]).toEqual([true, true]);

  await scene.chain.world.chain.before(ended + graceBlocks + 2);
  await until("the data is deleted", async () => ((await isHere(large, 1)) ? undefined : true));
  expect(await isHere(large, 0)).toBe(false);
  expect(await isHere(small, 0)).toBe(true);
});

it("public data is read by anybody while a group pays for it, and not before", async () => {
  const open = await scene.provider("open");
  await appendFile(open.configPath, "reading: { host: 127.0.0.1, port: 0 }\n");
  const reading = await startProvider(
    await loadConfig(open.configPath),
    open.keys,
    pino({ level: "silent" }),
  );
  try {
    const group = await scene.group();
    const payer = (await scene.payer(open, () => reading, group.address)).with({ isPublic: true });
    const data = parcelOf([seededBytes(7_000, 61)]);
    await payer.store(data);
    const [{ root } = { root: new Uint8Array() }] = [...data.list.pieces];
    const status = async (): Promise<number> =>
      (await fetch(`${reading.reading}/piece/${toHex(root).slice(2)}`)).status;
    expect(await status()).toBe(404);
    await scene.use(group, await scene.consent(payer, data, group));
    await until("anybody may read it", async () => ((await status()) === 200 ? true : undefined));
  } finally {
    await reading.stop();
  }
});
