/** A reader that pays (R47), against real providers and against ones that cheat: neither side loses more than one range. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Wallet } from "ethers";
import { pino } from "pino";
import { httpPayee, memoryTabs, openPiece, payingSource, ReadPurse } from "../../client/index.ts";
import type { PayingSource, Piece, PurseTerms, SourceFault } from "../../client/index.ts";
import { concatBytes } from "../../storage/core/bytes.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { initProvider, loadConfig, loadKeys } from "../../provider/config.ts";
import { startProvider } from "../../provider/compose.ts";
import { ingestFiles } from "../../provider/ingest.ts";
import { sharedFolder } from "../support/files.ts";
import { PaidScene, perGiB, pieceBytes, rangePrice, ranges } from "../support/paid-scene.ts";

let paid: PaidScene;
let folder: string;
let removeFolder: () => Promise<void>;

beforeAll(async () => {
  const shared = await sharedFolder();
  ({ folder, remove: removeFolder } = shared);
  paid = await PaidScene.open(folder);
  await paid.start({});
});

afterAll(async () => {
  await paid.close();
  await removeFolder();
});

const p = rangePrice;
const whole = BigInt(pieceBytes);

function purseOf(reader: Wallet, terms: Partial<PurseTerms> = {}): ReadPurse {
  const { address: vouchers, tokenAddress: token } = paid.world;
  return new ReadPurse(reader, { vouchers, token, payUpTo: 2n * whole, tabs: memoryTabs(), ...terms });
}

function sourceOf(purse: ReadPurse, url = paid.running.reading as string): PayingSource {
  return payingSource(httpPayee(url, { permission: paid.permission }), purse);
}

/** Opens the piece and reads ranges one after another; rejects as soon as one fails. */
async function readAll(sources: readonly PayingSource[], count = ranges): Promise<Piece> {
  const piece = await openPiece(paid.root, sources, { timeout_ms: 20_000 });
  const parts: Uint8Array[] = [];
  for (let range = 0; range < count; range++) parts.push((await piece.range(range)).bytes);
  expect(Buffer.from(concatBytes(...parts)).equals(paid.bytes.subarray(0, count * rangeBytes))).toBe(true);
  return piece;
}

const why = (actual: RegExp) => ({ code: "network", actual: expect.stringMatching(actual) as string });
const signedIn = (purse: ReadPurse, provider = paid.provider): bigint => purse.signed.get(provider) ?? 0n;

/** Stands between reader and provider, and changes what it passes on. */
type Change = (wanted: { path: string; headers: Record<string, string>; method: string }) => Promise<{
  status: number;
  headers: Record<string, string>;
  body: Buffer;
  cut?: number;
}>;

async function between(change: Change): Promise<string> {
  const server: Server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => /^(range|whitepay-)/.test(name)),
    ) as Record<string, string>;
    change({ path: request.url ?? "", headers, method: request.method ?? "GET" }).then(
      ({ status, headers: fields, body, cut }) => {
        response.writeHead(status, { ...fields, "Content-Length": String(body.length) });
        if (cut === undefined) return void response.end(request.method === "HEAD" ? undefined : body);
        response.write(body.subarray(0, cut), () => response.destroy());
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function passed({ path, headers, method }: Parameters<Change>[0]): ReturnType<Change> {
  const response = await fetch(`${paid.running.reading}${path}`, { method, headers });
  const names = ["content-type", "content-range", "whitepay-proof", "whitepay-charged"];
  const kept = Object.fromEntries(
    names.flatMap((name) => {
      const value = response.headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
  return { status: response.status, headers: kept, body: Buffer.from(await response.arrayBuffer()) };
}

const voucherOf = (headers: Record<string, string>): string | undefined => headers["whitepay-voucher"];

describe("a reader that pays", () => {
  it("reads the whole piece, and has promised exactly its price in the end", async () => {
    const reader = await paid.reader("payer one");
    const purse = purseOf(reader);
    const source = sourceOf(purse);
    await readAll([source]);
    expect(signedIn(purse)).toBe(whole - 70_000n);
    await source.settle();
    expect(signedIn(purse)).toBe(whole);
    expect(await paid.accounts()).toMatchObject([{ owed: String(whole), promised: String(whole) }]);
  });

  it("goes on from the same amount in the next run, after ranges at once", async () => {
    const reader = await paid.reader("payer two");
    const tabs = memoryTabs();
    const first = sourceOf(purseOf(reader, { tabs }));
    const piece = await openPiece(paid.root, [first]);
    await Promise.all([1, 2].map((range) => piece.range(range)));
    await first.settle();
    const purse = purseOf(reader, { tabs });
    const second = sourceOf(purse);
    await readAll([second], 2);
    await second.settle();
    expect(signedIn(purse)).toBe(2n * p);
    // Another run that has lost its accounts does not sign what it cannot check.
    const forgot = purseOf(reader);
    await expect(readAll([sourceOf(forgot)])).rejects.toMatchObject(why(/demand: expected at most/));
    expect(signedIn(forgot)).toBe(0n);
  });

  it("reads from two providers at once within one limit", async () => {
    const reader = await paid.reader("payer three");
    const dataDir = join(folder, "second");
    const paths = await initProvider({
      dataDir,
      chainId: paid.scene.chain.chainId,
      rpc: [paid.scene.chain.endpoint.url],
      registry: await paid.scene.chain.registry(),
      listen: ["/ip4/127.0.0.1/tcp/0"],
      groups: [paid.permission.group],
      password: "devnet",
      kdf: "light",
    });
    const keys = await loadKeys(paths.keys, "devnet");
    const config = await loadConfig(await paid.configure({}, paths.config, dataDir));
    await ingestFiles(config, paid.scene.stored[0]!.files, { group: paid.permission.group });
    const other = await startProvider(config, keys, pino({ level: "silent" }));
    onTestFinished(() => other.stop());
    const to = new Wallet(`0x${Buffer.from(keys.operator).toString("hex")}`);
    const expiry = (await paid.world.chain.block()) + 1_000;
    await paid.world.deposit({ reader, provider: to }, 100n * p, { expiry });
    const purse = purseOf(reader, { payUpTo: whole });
    const sources = [sourceOf(purse), sourceOf(purse, other.reading)];
    const piece = await openPiece(paid.root, sources);
    const got = await Promise.all(Array.from({ length: ranges - 1 }, (_, i) => piece.range(i)));
    expect(new Set(got.map(({ source }) => source)).size).toBe(2);
    await Promise.all(sources.map((one) => one.settle()));
    const all = [...purse.signed.values()];
    expect(all).toHaveLength(2);
    expect(all.every((one) => one > 0n)).toBe(true);
    expect(all.reduce((sum, one) => sum + one)).toBe(BigInt(ranges - 1) * p);
  });

  it("stops at its limit, owing nothing", async () => {
    const reader = await paid.reader("payer four");
    const purse = purseOf(reader, { payUpTo: 2n * p + p / 2n });
    const source = sourceOf(purse);
    await expect(readAll([source])).rejects.toMatchObject(why(/money for the next range/));
    await source.settle();
    expect(signedIn(purse)).toBe(2n * p);
  });

  it("pays no price above its own, none that rises, no other token, and no provider without a deposit", async () => {
    const reader = await paid.reader("payer five");
    const cheap = purseOf(reader, { maxPricePerGiB: perGiB - 1n });
    await expect(readAll([sourceOf(cheap)])).rejects.toMatchObject(why(/price a GiB: expected at most/));
    const coin = purseOf(reader, { token: `0x${"00".repeat(20)}` });
    await expect(readAll([sourceOf(coin)])).rejects.toMatchObject(why(/token: expected 0x0{40}/));
    const poor = purseOf(await paid.reader("payer six", 0n));
    await expect(readAll([sourceOf(poor)])).rejects.toMatchObject(
      why(/whitepay reader deposit --provider 0x/),
    );
    const purse = purseOf(reader);
    await readAll([sourceOf(purse)], 1);
    // Now the provider asks twice the price.
    const dear = await between(async (wanted) => {
      const body = { due: "underpaid", ...terms(), pricePerGiB: String(2n * perGiB), owed: "1", needed: "1" };
      return voucherOf(wanted.headers) === undefined
        ? passed(wanted)
        : { status: 402, headers: {}, body: Buffer.from(JSON.stringify(body)) };
    });
    await expect(readAll([sourceOf(purse, dear)])).rejects.toMatchObject(
      why(/price a GiB: expected at most/),
    );
    expect(signedIn(purse) <= p).toBe(true);
  });

  it("waits for a deposit that is not final yet", async () => {
    await paid.start({ confirmations: 12 });
    const reader = await paid.reader("payer seven");
    const faults: SourceFault[] = [];
    const reading = openPiece(paid.root, [sourceOf(purseOf(reader))], {
      onFault: (fault) => faults.push(fault),
    });
    for (let i = 0; i < 16; i++) await paid.world.chain.rpc("evm_mine");
    expect((await reading).ranges).toBe(ranges);
    expect(faults).toEqual([]);
    await paid.start({});
  });
});

const terms = () => ({
  chainId: paid.scene.chain.chainId,
  contract: paid.world.address,
  provider: paid.provider,
  token: paid.token,
  pricePerGiB: String(perGiB),
  owed: "0",
  detail: "made up",
});

describe("a provider that cheats", () => {
  it("gets nothing for wrong bytes, and is not asked again", async () => {
    const reader = await paid.reader("payer eight");
    const url = await between(async (wanted) => {
      const answer = await passed(wanted);
      if (answer.status === 206 && /bytes=4063232/.test(wanted.headers["range"] ?? "")) answer.body[7]! ^= 1;
      return answer;
    });
    const purse = purseOf(reader);
    const source = sourceOf(purse, url);
    const piece = await openPiece(paid.root, [source]);
    await piece.range(1);
    await expect(piece.range(2)).rejects.toMatchObject(why(/the bytes do not match the root/));
    await source.settle();
    expect(piece.faults).toMatchObject([{ kind: "wrong" }]);
    expect(signedIn(purse)).toBe(2n * p);
  });

  it("gets one range at most that it does not send, whatever it says is owed", async () => {
    for (const step of [1n, p, 10n * p, 10n ** 30n]) {
      const reader = await paid.reader(`payer nine ${step}`);
      let [needed, asked] = [0n, 0];
      const url = await between(async () => {
        asked++;
        needed += step;
        const body = { due: "underpaid", ...terms(), owed: String(needed), needed: String(needed) };
        return { status: 402, headers: {}, body: Buffer.from(JSON.stringify(body)) };
      });
      const purse = purseOf(reader);
      const source = sourceOf(purse, url);
      await expect(openPiece(paid.root, [source])).rejects.toMatchObject({ code: "network" });
      await source.settle();
      expect(signedIn(purse) <= p, `${step}`).toBe(true);
      expect(asked).toBeLessThan(10);
    }
  });

  it("gets what it charges up to its price, and no more", async () => {
    const reader = await paid.reader("payer ten");
    const url = await between(async (wanted) => {
      const answer = await passed(wanted);
      return { ...answer, headers: { ...answer.headers, "whitepay-charged": String(10n ** 20n) } };
    });
    const purse = purseOf(reader);
    const source = sourceOf(purse, url);
    // It is asked for nothing first, and then paid: what it says to be owed is above its price.
    await readAll([source], 2);
    await source.settle();
    expect(signedIn(purse)).toBe(2n * p);
  });
});

describe("a connection that breaks", () => {
  it("costs nothing: the range is sent again for the same voucher", async () => {
    const reader = await paid.reader("payer eleven");
    let cuts = 0;
    const url = await between(async (wanted) => {
      const answer = await passed(wanted);
      const isCut = answer.status === 206 && ++cuts % 2 === 1;
      return isCut ? { ...answer, cut: 100_000 } : answer;
    });
    const purse = purseOf(reader);
    const source = sourceOf(purse, url);
    const piece = await readAll([source]);
    await source.settle();
    expect(cuts).toBeGreaterThan(ranges);
    expect(piece.faults.every(({ kind }) => kind === "unreachable")).toBe(true);
    expect(signedIn(purse)).toBe(whole);
  });
});
