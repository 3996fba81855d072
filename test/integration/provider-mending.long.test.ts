/** R43: a provider whose copy of public data is damaged fetches the damaged ranges from another provider by itself. Each provider is a process. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openStore } from "../../provider/ingest.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { isWhole } from "../../storage/disk/check-piece.ts";
import { filesIn } from "../../storage/disk/readable-piece.ts";
import { damage } from "../support/damage.ts";
import { signedPermission } from "../support/permissions.ts";
import { runProvider } from "../support/provider-process.ts";
import { firstRange } from "../support/read-range.ts";
import { twoPieces } from "../support/store-payer.ts";
import { StoreScene } from "../support/store-scene.ts";

const limit_ms = 500_000;
/** The scrub looks every 30 s. */
const wait_ms = 120_000;
let scene: StoreScene;

beforeAll(async () => {
  scene = await StoreScene.open();
}, limit_ms);

afterAll(() => scene.close());

/** Public data of a new group at two new providers: the first one has consented, the second one, `payer`'s, has the data. */
async function sentToBoth(data: ReturnType<typeof twoPieces>, [one, other]: readonly [string, string]) {
  const group = await scene.group();
  const [first, second] = [await scene.provider(one), await scene.provider(other)];
  const [source, mender] = [await runProvider(first), await runProvider(second)];
  await scene.announce(first, source);
  const open = (await scene.payer(first, () => source, group.address)).with({ isPublic: true });
  await open.store(data);
  await scene.use(group, await scene.consent(open, data, group));
  const payer = (await scene.payer(second, () => mender, group.address)).with({ isPublic: true });
  await payer.store(data);
  return { group, data, first, second, mender, payer };
}

it(
  "fetches the damaged ranges of public data that a reader could not be given, and takes no other bytes",
  async () => {
    const { group, data, first, second, mender, payer } = await sentToBoth(twoPieces(61), [
      "first",
      "second",
    ]);
    // With the permission to fetch, although all is here: the copy is mended with it later.
    const head = await scene.chain.world.chain.block();
    const permission = await payer.permission(group.address, head + 1_000, mender.peerId);
    const ask = { kind: "fetch", digest: payer.digest(data), operator: first.operator } as const;
    const answer = await payer.ask({ ...ask, piece: 0, group: group.address, ...permission });
    expect(answer).toMatchObject({ kind: "fetching", whole: true });
    await scene.use(group, await scene.consent(payer, data, group));

    const stored = await openStore(second.config);
    const entry = data.list.pieces.at(0) as PieceEntry;
    const dir = stored.pieceDir(entry.root);
    const read = async (): Promise<string> => {
      const wanted = await payer.permission(group.address, head + 1_000);
      return firstRange(payer, group.address, entry, wanted);
    };
    expect(await read()).toBe("range");
    await damage(join(dir, "data"), 300_000, 300_010);
    expect(await isWhole(filesIn(dir), entry)).toBe(false);
    // A reader meets the damage: when the scrub looks next, after 30 s at most, the piece is read and mended.
    expect(await read()).toBe("damaged");
    await mender.logged("damaged bytes were fetched from another provider");
    await mended(dir, entry);
    expect(await read()).toBe("range");
    // With the tree damaged, too, all ranges are fetched, and the tree is made anew.
    await damage(join(dir, "data"), 0, 10);
    await damage(join(dir, "tree"), 64, 5_000);
    expect(await read()).toBe("damaged");
    await mended(dir, entry);
    expect(await read()).toBe("range");
    // Other bytes of the source are not taken: the piece stays damaged, and the log says why.
    const origin = (await openStore(first.config)).pieceDir(entry.root);
    await damage(join(origin, "data"), 0, 10);
    await damage(join(dir, "data"), 0, 10);
    expect(await read()).toBe("damaged");
    await mender.logged("not fetched again: range 0: no provider gives it");
    expect(await isWhole(filesIn(dir), entry)).toBe(false);
  },
  limit_ms,
);

it(
  "does so by a permission for anybody that the payer published, for public data alone",
  async () => {
    const { group, data, second, payer } = await sentToBoth(twoPieces(71), ["third", "fourth"]);
    await scene.use(group, await scene.consent(payer, data, group));
    const until = (await scene.chain.world.chain.block()) + 1_000;
    const domain = { chainId: scene.chain.chainId, group: group.address };
    const permission = await signedPermission(payer.wallet, domain, { peer: undefined, until, sequence: 1 });
    // The daemon answers for a group from the next look at the chain on.
    let answer: unknown;
    for (let i = 0; i < 50 && (answer as { kind?: string })?.kind !== "published"; i++) {
      answer = await payer.ask({ kind: "publish", ...domain, ...permission });
      await sleep(200);
    }
    expect(answer).toEqual({ kind: "published" });
    const entry = data.list.pieces.at(0) as PieceEntry;
    const dir = (await openStore(second.config)).pieceDir(entry.root);
    await damage(join(dir, "data"), 300_000, 300_010);
    expect(await firstRange(payer, group.address, entry, permission)).toBe("damaged");
    await mended(dir, entry);
    expect(await firstRange(payer, group.address, entry, permission)).toBe("range");
  },
  limit_ms,
);

async function mended(dir: string, entry: PieceEntry): Promise<void> {
  for (const end_ms = performance.now() + wait_ms; performance.now() < end_ms; await sleep(500)) {
    if (await isWhole(filesIn(dir), entry)) return;
  }
  throw new Error("the piece is not mended in time");
}
