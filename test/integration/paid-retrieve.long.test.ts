/** Paid reading over libp2p (R47), on a real daemon and chain: one account with HTTP, and nothing to pay for the payer's own data. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { libp2pPayee } from "../../cli/reading/sources.ts";
import { httpPayee, memoryTabs, openPiece, payingSource, ReadPurse } from "../../client/index.ts";
import type { Payee } from "../../client/index.ts";
import type { ShownVoucher } from "../../protocol/codec/paid-reading.ts";
import type { GroupDomain, Permission } from "../../protocol/codec/permission.ts";
import { requestRate } from "../../protocol/limits/derived.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { sharedFolder } from "../support/files.ts";
import { PaidScene, pieceBytes, rangePrice, ranges } from "../support/paid-scene.ts";
import { signedPermission } from "../support/permissions.ts";
import type { Keeper } from "../support/provider-scene.ts";

let paid: PaidScene;
let removeFolder: () => Promise<void>;
const p = rangePrice;

beforeAll(async () => {
  const shared = await sharedFolder();
  removeFolder = shared.remove;
  paid = await PaidScene.open(shared.folder);
});

afterAll(async () => {
  await paid.close();
  await removeFolder();
});

const calling = (keeper = 0): Keeper["calling"] => paid.scene.keepers[keeper]!.calling;
const payee = (permission: GroupDomain & Permission = paid.permission, keeper = 0): Payee =>
  libp2pPayee(calling(keeper), paid.running, permission, pieceBytes);

/** "paid 5", "free", or the reason of the refusal. */
async function said(range: number, voucher?: ShownVoucher, from = payee()): Promise<string> {
  try {
    const { bytes, charged } = await from.range(paid.root, range, AbortSignal.timeout(10_000), voucher);
    const wanted = paid.bytes.subarray(range * rangeBytes, (range + 1) * rangeBytes);
    if (!Buffer.from(bytes).equals(wanted)) return "other bytes";
    return charged === 0n ? "free" : `paid ${charged}`;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("over libp2p, a provider", () => {
  it("without a price sends everything for nothing, and does not speak the protocol", async () => {
    await paid.start();
    expect(await said(0)).toBe("free");
    const reader = await paid.reader("libp2p nobody");
    expect(await said(0, await paid.voucher(reader, 0n))).toMatch(
      /could not negotiate \/whitepay\/paid-retrieve\/1/,
    );
  });

  it("gives free bytes by network address, whatever the peer id, and then says what it costs", async () => {
    await paid.start({ free: { bytesPerDay: 10 * rangeBytes, bytesPerAddress: 2 * rangeBytes } });
    expect(await said(0)).toBe("free");
    expect(await said(1, undefined, payee(paid.permission, 1))).toBe("free");
    for (const keeper of [0, 1, 2]) {
      const answer = await said(2, undefined, payee(paid.permission, keeper));
      expect(answer).toMatch(
        new RegExp(
          `price a GiB of ${1n << 30n} in units of token ${paid.token}, paid to ${paid.provider}: no-voucher`,
        ),
      );
    }
    // The share is that of HTTP, too.
    expect(await paid.said(2)).toBe("no-voucher 0");
  });

  it("sends the next range for a voucher that covers all before it, in one account with HTTP", async () => {
    await paid.start({});
    const reader = await paid.reader("libp2p one");
    const opening = await paid.voucher(reader, 0n);
    expect(await said(0, opening)).toBe(`paid ${p}`);
    expect(await said(1, opening)).toMatch(/underpaid/);
    expect(await paid.said(1, { voucher: opening })).toBe(`underpaid ${p}`);
    expect(await paid.said(1, { voucher: await paid.voucher(reader, p) })).toBe(`paid ${p}`);
    expect(await said(2, await paid.voucher(reader, 2n * p))).toBe(`paid ${p}`);
    expect(await said(2, opening)).toMatch(/superseded/);
    expect(await said(2, await paid.voucher(reader, 3n * p, { chainId: 8 }))).toMatch(/wrong-chain/);
    await payee().settle(paid.root, await paid.voucher(reader, 3n * p), AbortSignal.timeout(10_000));
    const all = String(3n * p);
    expect(await paid.accounts()).toContainEqual({ owed: all, promised: all, amount: all });
  });

  it("asks nothing for what the payer reads of its own data, and something for what it permits others", async () => {
    const { chainId, group, until } = paid.permission;
    const payer = paid.scene.chain.world.convener;
    const peer = calling().libp2p.peerId.toString();
    const own = { chainId, group, ...(await signedPermission(payer, { chainId, group }, { peer, until })) };
    for (const range of [0, 1, 2]) expect(await said(range, undefined, payee(own))).toBe("free");
    const wish = { peer, until, sequence: 5 };
    const other = { chainId, group, ...(await signedPermission(payer, { chainId, group }, wish)) };
    expect(await said(0, undefined, payee(other))).toMatch(/no-voucher/);
    // A permission of sequence 0 for anybody is no reading of the payer.
    const anybody = {
      chainId,
      group,
      ...(await signedPermission(payer, { chainId, group }, { peer: undefined, until })),
    };
    expect(await said(0, undefined, payee(anybody))).toMatch(/no-voucher/);
  });

  it("is paid by a purse over both ways, one range after the other", async () => {
    const reader = await paid.reader("libp2p two");
    const { address: vouchers, tokenAddress: token } = paid.world;
    const purse = new ReadPurse(reader, { vouchers, token, payUpTo: 20n * p, tabs: memoryTabs() });
    const http = httpPayee(paid.running.reading as string, { permission: paid.permission });
    const sources = [payee(), http].map((one) => payingSource(one, purse));
    const piece = await openPiece(paid.root, sources);
    const got = await Promise.all(Array.from({ length: ranges }, (_, range) => piece.range(range)));
    expect(Buffer.concat(got.map(({ bytes }) => bytes)).equals(paid.bytes)).toBe(true);
    expect(new Set(got.map(({ source }) => source)).size).toBe(2);
    for (const source of sources) await source.settle();
    expect(purse.signed.get(paid.provider)).toBe(BigInt(pieceBytes));
  });

  it("answers a bounded number of requests with bad vouchers of one peer, and others meanwhile", async () => {
    const reader = await paid.reader("libp2p three");
    const good = await paid.voucher(reader, 0n);
    const { burst } = requestRate(1);
    const answers = new Map<string, number>();
    const lane = async (): Promise<void> => {
      for (let i = 0; i < burst / 2; i++) {
        const answer = await said(0, { ...good, amount: BigInt(i + 1) }, payee(paid.permission, 3));
        const code = /wrong-signer|busy/.exec(answer)?.[0] ?? answer;
        answers.set(code, (answers.get(code) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: 4 }, lane));
    expect([...answers.keys()].sort()).toEqual(["busy", "wrong-signer"]);
    expect(await said(0, good)).toBe(`paid ${p}`);
  });
});
