/** Ranges of a payer's data, for the peer that the group's present payer names, until the block that it names. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import type { Wallet } from "ethers";
import { askProvider } from "../../keeper/adapters/libp2p/provider.ts";
import {
  decodeRetrieveResponse,
  encodeRetrieveRequest,
  maxRetrieveResponseBytes,
  retrieveProtocol,
} from "../../protocol/codec/retrieve.ts";
import type { Permission } from "../../protocol/codec/permission.ts";
import type { RetrieveRequest } from "../../protocol/codec/retrieve.ts";
import { toHex } from "../../protocol/hash.ts";
import { requestRate } from "../../protocol/limits/derived.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { readJournal } from "../../provider/journal.ts";
import { seededBytes, sharedFolder } from "../support/files.ts";
import { signedPermission } from "../support/permissions.ts";
import { providerScene } from "../support/provider-scene.ts";
import type { Keeper, Scene, Stored } from "../support/provider-scene.ts";

let scene: Scene;
let running: RunningProvider;
let removeFolder: () => Promise<void>;

beforeAll(async () => {
  const shared = await sharedFolder();
  removeFolder = shared.remove;
  scene = await providerScene(shared.folder, [[50_000], [60_000]]);
  running = await scene.start();
});

afterAll(async () => {
  await running.stop();
  await scene.close();
  await removeFolder();
});

/** Any node may read: here a keeper's. */
const reader = (): Keeper["calling"] => (scene.keepers[0] as Keeper).calling;

/** The bytes of a range, or the code of the refusal. */
async function read(request: RetrieveRequest, calling = reader()): Promise<Uint8Array | string> {
  const call = {
    protocol: retrieveProtocol,
    bytes: encodeRetrieveRequest(request),
    maxBytes: maxRetrieveResponseBytes,
  };
  const received = await askProvider(calling, running, call, { timeout_ms: 10_000 });
  if (!received.ok) return received.reason;
  const decoded = decodeRetrieveResponse(received.bytes);
  if (!decoded.ok) return decoded.detail;
  return decoded.value.kind === "range" ? decoded.value.bytes : decoded.value.code;
}

async function request(
  payer: Wallet,
  { group, list }: Stored,
  { ahead = 100, peer = reader().libp2p.peerId.toString() } = {},
): Promise<RetrieveRequest> {
  const { chainId } = scene.chain;
  const until = (await scene.chain.world.chain.block()) + ahead;
  const permission = await signedPermission(payer, { chainId, group: group.address }, { peer, until });
  const { root, size } = list.pieces.at(0)!;
  return { chainId, group: group.address, pieceRoot: toHex(root), size, range: 0, ...permission };
}

it("are served from every group to the named peer, and to no other, and not after the last block", async () => {
  const payer = scene.chain.world.convener;
  for (const [i, stored] of scene.stored.entries()) {
    const right = await request(payer, stored);
    expect(await read(right)).toEqual(seededBytes(stored.list.pieces.at(0)!.size, 100 * i + 1));
    expect(await read(right, (scene.keepers[1] as Keeper).calling)).toBe("not-the-payer");
    expect(await read({ ...right, range: 1 })).toBe("unknown-piece");
    expect(await read({ ...right, pieceRoot: toHex(seededBytes(32, 4)) })).toBe("unknown-piece");
    expect(await read({ ...right, group: `0x${"77".repeat(20)}` })).toBe("unknown-group");
  }
  const [first, second] = scene.stored as [Stored, Stored];
  // A permission for one group opens no piece of another, even of the same payer (R44).
  const { root, size } = second.list.pieces.at(0)!;
  const foreign = { ...(await request(payer, first)), pieceRoot: toHex(root), size };
  expect(await read(foreign)).toBe("unknown-piece");
  const other = { ...(await request(payer, first)), group: second.group.address };
  expect(await read(other)).toBe("not-the-payer");
  expect(await read(await request(payer, first, { ahead: -1 }))).toBe("not-the-payer");
  const { totals } = await readJournal(scene.config.dataDir);
  expect(totals).toMatchObject({ served: 2, servedBytes: 110_000 });
});

it("are served up to the bytes a day that the payer permits, of the piece that it permits", async () => {
  const payer = scene.chain.world.convener;
  const [first] = scene.stored as [Stored];
  const right = await request(payer, first);
  const { chainId, group } = right;
  const peer = reader().libp2p.peerId.toString();
  const permit = (wish: object): Promise<Permission> =>
    signedPermission(payer, { chainId, group }, { peer, until: right.until, ...wish });
  const limited = { ...right, ...(await permit({ bytesPerDay: 99_999, sequence: 1 })) };
  expect(await read(limited)).toHaveLength(50_000);
  expect(await read(limited)).toBe("over-quota");
  const other = toHex(seededBytes(32, 9));
  expect(await read({ ...right, ...(await permit({ root: other })) })).toBe("unknown-piece");
  expect(await read({ ...right, ...(await permit({ root: right.pieceRoot })) })).toHaveLength(50_000);
});

it("are served to the peer of a new payer, and not of the former one, once the role has passed on", async () => {
  const [first] = scene.stored as [Stored];
  const [former, heir] = [scene.chain.world.convener, await scene.chain.world.chain.account("heir")];
  await first.group.send("namePayer", [heir.address]);
  await sleep(110);
  expect(await read(await request(heir, first))).toBe("not-the-payer");
  await first.group.send("acceptPayer", [], heir);
  await sleep(110);
  expect(await read(await request(heir, first))).toHaveLength(50_000);
  expect(await read(await request(former, first))).toBe("not-the-payer");
});

/** Asks some times, seven at a time; the answers, with bytes as their length. */
async function readMany(count: number, request: RetrieveRequest): Promise<Map<number | string, number>> {
  const said = new Map<number | string, number>();
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const answer = await read(request);
      const what = typeof answer === "string" ? answer : answer.length;
      said.set(what, (said.get(what) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 7 }, lane));
  return said;
}

it("are served as fast as they are asked for; what is refused takes tokens", async () => {
  const [, second] = scene.stored as [Stored, Stored];
  const right = await request(scene.chain.world.convener, second);
  const { burst } = requestRate(scene.stored.length);
  expect(await readMany(3 * burst, right)).toEqual(new Map([[60_000, 3 * burst]]));
  const refused = await readMany(3 * burst, { ...right, range: 1 });
  expect(new Set(refused.keys())).toEqual(new Set(["unknown-piece", "busy"]));
});
