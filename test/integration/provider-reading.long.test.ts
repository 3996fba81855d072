/** Reading by others (R44) on a real daemon, chain and disk: who may read what, over libp2p and over HTTP, and what ends it. */
import { appendFile, chmod, open } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { askProvider } from "../../keeper/adapters/libp2p/provider.ts";
import type { Permission } from "../../protocol/codec/permission.ts";
import { decodeProof, encodePermission } from "../../protocol/codec/piece-http.ts";
import {
  decodeRetrieveResponse,
  encodeRetrieveRequest,
  maxRetrieveResponseBytes,
  retrieveProtocol,
} from "../../protocol/codec/retrieve.ts";
import { encodeStoreMessage, storeProtocol } from "../../protocol/codec/store.ts";
import type { StoreMessage } from "../../protocol/codec/store.ts";
import { decodeStoreResponse, maxStoreResponseBytes } from "../../protocol/codec/store-response.ts";
import type { StoreResponse } from "../../protocol/codec/store-response.ts";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { loadConfig } from "../../provider/config.ts";
import { startProvider } from "../../provider/compose.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { pino } from "pino";
import { readerLimits } from "../../provider/reading/limits.ts";
import { segmentBytes } from "../../storage/core/geometry.ts";
import { segmentRoot } from "../../storage/core/merkle.ts";
import { rangeBytes, runRoot } from "../../storage/core/range.ts";
import { seededBytes, sharedFolder } from "../support/files.ts";
import { signedPermission, signedRevocation } from "../support/permissions.ts";
import type { Wish } from "../support/permissions.ts";
import { until } from "../support/store-scene.ts";
import { providerScene } from "../support/provider-scene.ts";
import type { Keeper, Scene } from "../support/provider-scene.ts";

/** Of two groups of one payer; the first group's first piece has three ranges. */
const sizes = [[2 * rangeBytes + 70_000, 5_000], [60_000]] as const;

let scene: Scene;
let running: RunningProvider;
let removeFolder: () => Promise<void>;

beforeAll(async () => {
  const shared = await sharedFolder();
  removeFolder = shared.remove;
  scene = await providerScene(shared.folder, sizes);
  await appendFile(scene.configPath, "reading: { host: 127.0.0.1, port: 0 }\n");
  running = await start();
});

afterAll(async () => {
  await running.stop();
  await scene.close();
  await removeFolder();
});

const start = async (): Promise<RunningProvider> =>
  startProvider(await loadConfig(scene.configPath), scene.keys, pino({ level: "silent" }));
const caller = (keeper: number): Keeper["calling"] => scene.keepers[keeper]!.calling;
const domainOf = (group: number) => ({
  chainId: scene.chain.chainId,
  group: scene.stored[group]!.group.address,
});
const rootOf = (group: number, piece = 0): Hex => toHex(scene.stored[group]!.list.pieces.at(piece)!.root);
const bytesOf = (group: number, piece = 0): Uint8Array =>
  seededBytes(sizes[group]![piece]!, 100 * group + piece + 1);

async function permit(group: number, wish: Partial<Wish>): Promise<Permission> {
  const until = (await scene.chain.world.chain.block()) + 1_000;
  const peer = caller(0).libp2p.peerId.toString();
  return signedPermission(scene.chain.world.convener, domainOf(group), { peer, until, ...wish });
}

/** The bytes of a range over libp2p, or the code of the refusal. */
async function read(
  group: number,
  permission: Permission,
  { piece = 0, range = 0, keeper = 0, of = group } = {},
) {
  const { size } = scene.stored[of]!.list.pieces.at(piece)!;
  const wanted = { ...domainOf(group), pieceRoot: rootOf(of, piece), size, range, ...permission };
  const call = {
    protocol: retrieveProtocol,
    bytes: encodeRetrieveRequest(wanted),
    maxBytes: maxRetrieveResponseBytes,
  };
  const received = await askProvider(caller(keeper), running, call, { timeout_ms: 10_000 });
  if (!received.ok) return received.reason;
  const decoded = decodeRetrieveResponse(received.bytes);
  if (!decoded.ok) return decoded.detail;
  return decoded.value.kind === "range" ? decoded.value.bytes : decoded.value.code;
}

/** The answer, or the code of the refusal. */
async function tell(message: StoreMessage): Promise<object | string> {
  const call = {
    protocol: storeProtocol,
    bytes: encodeStoreMessage(message),
    maxBytes: maxStoreResponseBytes,
  };
  const received = await askProvider(caller(1), running, call, { timeout_ms: 10_000 });
  if (!received.ok) return received.reason;
  const decoded = decodeStoreResponse(received.bytes, message.kind);
  if (!decoded.ok) return decoded.detail;
  const { value }: { readonly value: StoreResponse } = decoded;
  return value.kind === "refusal" ? value.code : value;
}

type Got = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer };

/** One request, without what fetch adds or hides. */
function http(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(`${running.reading}${path}`, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const body = Buffer.concat(chunks);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    asked.on("error", reject).end();
  });
}

const pathOf = (group: number, piece = 0): string => `/piece/${rootOf(group, piece).slice(2)}`;

describe("a permission for a peer", () => {
  it("opens the pieces of its group to that peer, and neither another group's nor another piece", async () => {
    const all = await permit(0, {});
    expect(await read(0, all)).toEqual(bytesOf(0).subarray(0, rangeBytes));
    expect(await read(0, all, { keeper: 1 })).toBe("not-the-payer");
    // The same payer's piece in another group, with a permission for this group.
    expect(await read(0, all, { of: 1 })).toBe("unknown-piece");
    const one = await permit(0, { root: rootOf(0, 1) });
    expect(await read(0, one, { piece: 1 })).toEqual(bytesOf(0, 1));
    expect(await read(0, one)).toBe("unknown-piece");
  });

  it("ends with its quota of the day, and that of another permission is its own", async () => {
    const small = await permit(0, { bytesPerDay: rangeBytes + 100_000, sequence: 1 });
    expect(await read(0, small)).toHaveLength(rangeBytes);
    expect(await read(0, small, { range: 1 })).toBe("over-quota");
    expect(await read(0, small, { range: 2 })).toHaveLength(70_000);
    expect(await read(0, small, { range: 2 })).toBe("over-quota");
    expect(await read(0, await permit(0, { bytesPerDay: rangeBytes, sequence: 2 }))).toHaveLength(rangeBytes);
  });

  it("ends with the payer's revocation of its sequence, also after a restart, and no other's does", async () => {
    const [first, second] = [await permit(0, { sequence: 10 }), await permit(0, { sequence: 11 })];
    const payer = scene.chain.world.convener;
    const stranger = await scene.chain.world.chain.account("stranger");
    const wrong = await signedRevocation(stranger, domainOf(0), 10, 10);
    expect(await tell({ kind: "revoke", ...domainOf(0), ...wrong })).toBe("not-the-payer");
    const elsewhere = await signedRevocation(payer, domainOf(1), 10, 10);
    expect(await tell({ kind: "revoke", ...domainOf(0), ...elsewhere })).toBe("not-the-payer");
    expect(await read(0, first, { piece: 1 })).toEqual(bytesOf(0, 1));
    const right = await signedRevocation(payer, domainOf(0), 10, 10);
    expect(await tell({ kind: "revoke", ...domainOf(0), ...right })).toEqual({ kind: "revoked" });
    expect(await read(0, first, { piece: 1 })).toBe("revoked");
    expect(await read(0, second, { piece: 1 })).toEqual(bytesOf(0, 1));
    await running.stop();
    running = await start();
    expect(await read(0, first, { piece: 1 })).toBe("revoked");
    expect(await read(0, second, { piece: 1 })).toEqual(bytesOf(0, 1));
  });
});

describe("GET /piece/<root>", () => {
  it("serves a piece to nobody without a permission, to its holder by header or query, and not a peer's", async () => {
    expect(await http(pathOf(0, 1))).toMatchObject({ status: 404 });
    const shown = { ...domainOf(0), ...(await permit(0, { peer: undefined, sequence: 20 })) };
    const text = encodePermission(shown);
    const byHeader = await http(pathOf(0, 1), { "WhitePay-Permission": text });
    expect(byHeader).toMatchObject({ status: 200, body: Buffer.from(bytesOf(0, 1)) });
    const byQuery = await http(`${pathOf(0, 1)}?permission=${text}`);
    expect(byQuery.body).toEqual(Buffer.from(bytesOf(0, 1)));
    expect(await http(pathOf(1), { "WhitePay-Permission": text })).toMatchObject({ status: 404 });
    const ofPeer = encodePermission({ ...domainOf(0), ...(await permit(0, {})) });
    expect(await http(pathOf(0, 1), { "WhitePay-Permission": ofPeer })).toMatchObject({ status: 403 });
    expect(await http(pathOf(0, 1), { "WhitePay-Permission": "abc" })).toMatchObject({ status: 400 });
    const over = encodePermission({ ...shown, ...(await permit(0, { peer: undefined, until: 1 })) });
    expect(await http(pathOf(0, 1), { "WhitePay-Permission": over })).toMatchObject({ status: 403 });
  });

  it("serves as many bytes a day as the permission says, in one answer of several ranges", async () => {
    const withQuota = async (bytesPerDay: number, sequence: number): Promise<Got> => {
      const permission = await permit(0, { peer: undefined, bytesPerDay, sequence });
      return http(pathOf(0), { "WhitePay-Permission": encodePermission({ ...domainOf(0), ...permission }) });
    };
    const size = sizes[0][0];
    expect((await withQuota(size, 25)).body).toEqual(Buffer.from(bytesOf(0)));
    // The bytes of the day end within the answer.
    await expect(withQuota(size - 1, 26)).rejects.toThrow(/aborted|hang up|ECONNRESET/);
  });

  it("serves what the payer published until it is revoked, and says where and how large it is", async () => {
    const about = { kind: "about", chainId: scene.chain.chainId, root: rootOf(0) } as const;
    expect(await tell(about)).toBe("unknown-piece");
    const permission = await permit(0, { peer: undefined, sequence: 30 });
    const ofPeer = await permit(0, { sequence: 31 });
    expect(await tell({ kind: "publish", ...domainOf(0), ...ofPeer })).toBe("wrong-peer");
    const published = { kind: "publish", ...domainOf(0), ...permission } as const;
    expect(await tell(published)).toEqual({ kind: "published" });
    expect(await tell(published)).toEqual({ kind: "published" });
    expect(await tell(about)).toEqual({
      kind: "piece",
      size: sizes[0][0],
      url: `${running.reading}${pathOf(0)}`,
    });
    expect(await http(pathOf(0, 1))).toMatchObject({ status: 200 });
    expect(await http(pathOf(1))).toMatchObject({ status: 404 });
    await running.stop();
    running = await start();
    expect(await http(pathOf(0, 1))).toMatchObject({ status: 200 });
    const revocation = await signedRevocation(scene.chain.world.convener, domainOf(0), 30, 31);
    expect(await tell({ kind: "revoke", ...domainOf(0), ...revocation })).toEqual({ kind: "revoked" });
    expect(await http(pathOf(0, 1))).toMatchObject({ status: 404 });
    expect(await tell(published)).toBe("revoked");
  });

  it("serves what the payer published up to the permission's last block, and not after it", async () => {
    const { chain } = scene.chain.world;
    const last = (await chain.block()) + 20;
    const permission = await permit(0, { peer: undefined, until: last, sequence: 35 });
    const published = { kind: "publish", ...domainOf(0), ...permission } as const;
    expect(await tell(published)).toEqual({ kind: "published" });
    expect(await http(pathOf(0, 1))).toMatchObject({ status: 200 });
    await chain.before(last + 2);
    await until("the permission is over", async () => {
      return (await http(pathOf(0, 1))).status === 404 ? true : undefined;
    });
    expect(await tell(published)).toBe("not-the-payer");
  });

  describe("of a published piece", () => {
    beforeAll(async () => {
      const permission = await permit(0, { peer: undefined, sequence: 40 });
      await tell({ kind: "publish", ...domainOf(0), ...permission });
    });

    it("answers ranges, conditions and methods as HTTP defines them", async () => {
      const bytes = Buffer.from(bytesOf(0));
      const size = bytes.length;
      const tag = `"${rootOf(0).slice(2)}"`;
      const all = await http(pathOf(0));
      expect(all).toMatchObject({ status: 200, body: bytes });
      expect(all.headers).toMatchObject({
        etag: tag,
        "accept-ranges": "bytes",
        "content-length": String(size),
        "content-type": "application/octet-stream",
        "access-control-allow-origin": "*",
        "x-content-type-options": "nosniff",
      });
      const part = async (range: string, headers = {}): Promise<Got> =>
        http(pathOf(0), { range, ...headers });
      for (const [range, from, to] of [
        ["bytes=0-0", 0, 1],
        ["bytes=5-99", 5, 100],
        [`bytes=${rangeBytes - 3}-${rangeBytes + 3}`, rangeBytes - 3, rangeBytes + 4],
        [`bytes=${size - 2}-`, size - 2, size],
        ["bytes=-7", size - 7, size],
      ] as const) {
        const got = await part(range);
        expect(got.status, range).toBe(206);
        expect(got.headers["content-range"]).toBe(`bytes ${from}-${to - 1}/${size}`);
        expect(got.body).toEqual(bytes.subarray(from, to));
        expect(got.headers["whitepay-proof"]).toBeUndefined();
      }
      for (const range of [`bytes=${size}-`, "bytes=0-1,3-4", "bytes=9-5"]) {
        const got = await part(range);
        expect(got.status, range).toBe(416);
        expect(got.headers["content-range"]).toBe(`bytes */${size}`);
        expect(got.body.toString()).toMatch(/expected/);
      }
      expect(await part("bytes=0-0", { "If-Range": tag })).toMatchObject({ status: 206 });
      expect((await part("bytes=0-0", { "If-Range": '"other"' })).body).toHaveLength(size);
      const same = await http(pathOf(0), { "If-None-Match": `"x", W/${tag}` });
      expect(same).toMatchObject({ status: 304, body: Buffer.alloc(0) });
      expect(await http(pathOf(0), { "If-Match": '"other"' })).toMatchObject({ status: 412 });
      const head = await http(pathOf(0), { range: "bytes=0-0" }, "HEAD");
      expect(head).toMatchObject({ status: 200, body: Buffer.alloc(0) });
      expect(head.headers["content-length"]).toBe(String(size));
      expect(await http(pathOf(0), {}, "POST")).toMatchObject({ status: 405 });
      expect(await http(pathOf(0), {}, "OPTIONS")).toMatchObject({ status: 204 });
    });

    it("proves bytes that begin and end where ranges do, one range or several", async () => {
      const size = sizes[0][0];
      for (const [first, count] of [
        [0, 1],
        [1, 1],
        [2, 1],
        [0, 2],
        [1, 2],
        [0, 3],
      ] as const) {
        const end = Math.min(size, (first + count) * rangeBytes);
        const got = await http(pathOf(0), { range: `bytes=${first * rangeBytes}-${end - 1}` });
        const proof = decodeProof(String(got.headers["whitepay-proof"]));
        if (!proof.ok) throw new Error(proof.detail);
        const segmentRoots: Uint8Array[] = [];
        for (let at = 0; at < got.body.length; at += segmentBytes)
          segmentRoots.push(segmentRoot(got.body.subarray(at, at + segmentBytes)));
        const root = runRoot({ size, first, count }, { segmentRoots, siblings: proof.value });
        expect(root && toHex(root), `${count} from ${first}`).toBe(rootOf(0));
      }
    });

    it("serves nothing else of the provider, and no other path", async () => {
      for (const path of [
        "/",
        "/metrics",
        "/healthz",
        "/v1/status",
        "/piece/",
        "/piece/12",
        `${pathOf(0)}/x`,
      ])
        expect(await http(path), path).toMatchObject({ status: 404 });
    });

    it("does not serve bytes that are damaged on the disk", async () => {
      // What was read before the damage is in memory, and right.
      await running.stop();
      running = await start();
      const file = `${scene.config.dataDir}/store/pieces/${rootOf(0, 1).slice(2)}/data`;
      await chmod(file, 0o644);
      const data = await open(file, "r+");
      await data.write(Buffer.of(bytesOf(0, 1)[10]! ^ 1), 0, 1, 10);
      expect(await http(pathOf(0, 1))).toMatchObject({ status: 503 });
      await data.write(Buffer.of(bytesOf(0, 1)[10]!), 0, 1, 10);
      await data.close();
      expect(await http(pathOf(0, 1))).toMatchObject({ status: 200 });
    });

    it("keeps a bounded number of connections and answers of one address, and serves others afterwards", async () => {
      const { port, hostname } = new URL(String(running.reading));
      const idle = Array.from({ length: 100 }, () => connect(Number(port), hostname));
      const closed = new Set<number>();
      for (const [i, socket] of idle.entries()) socket.on("close", () => closed.add(i)).on("error", () => {});
      await until("68 connections are closed", async () => (closed.size >= 68 ? true : undefined));
      await sleep(200);
      expect(closed.size).toBe(100 - readerLimits.connections.ofAddress);
      for (const socket of idle) socket.destroy();
      await until("all are closed", async () => (closed.size === 100 ? true : undefined));
      // Readers that ask for much and take nothing: their answers wait, and the surplus ones are refused.
      const statuses: string[] = [];
      const silent = Array.from({ length: 20 }, () => connect(Number(port), hostname));
      for (const socket of silent) {
        socket.on("error", () => {});
        socket.once("data", (chunk: Buffer) => {
          statuses.push(chunk.toString("latin1").slice(9, 12));
          socket.pause();
        });
        socket.write(`GET ${pathOf(0)} HTTP/1.1\r\nHost: x\r\n\r\n`);
      }
      await until("all have an answer", async () => (statuses.length === 20 ? true : undefined));
      // How many end at once depends on the kernel's buffers; limits.test.ts holds the number of answers under way.
      expect(statuses.filter((status) => status !== "200" && status !== "503")).toEqual([]);
      for (const socket of silent) socket.destroy();
      await until("a reader is served again", async () => {
        const { status } = await http(pathOf(0), { range: "bytes=0-9" });
        return status === 206 ? true : undefined;
      });
    });
  });
});
