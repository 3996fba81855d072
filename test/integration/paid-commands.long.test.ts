/** Paid reading with commands, each a process of its own: deposit, fetch, status, withdraw (R47). */
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Wallet } from "ethers";
import { sealKey } from "../../daemon/keys/keystore.ts";
import { encodePermission } from "../../protocol/codec/piece-http.ts";
import { priceOfBytes } from "../../protocol/reading-account.ts";
import type { Hex } from "../../protocol/hash.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { runCli, type CliResult } from "../support/cli.ts";
import { sharedFolder } from "../support/files.ts";
import { PaidScene, pieceBytes, ranges } from "../support/paid-scene.ts";

const minutes = 60_000;
/** One token a GiB. */
const perGiB = 10n ** 18n;
const rangePrice = priceOfBytes(perGiB, rangeBytes);
const wholePrice = BigInt(ranges - 1) * rangePrice + priceOfBytes(perGiB, pieceBytes % rangeBytes);

let paid: PaidScene;
let folder: string;
let removeFolder: () => Promise<void>;
let reader: Wallet;

beforeAll(async () => {
  const shared = await sharedFolder();
  ({ folder, remove: removeFolder } = shared);
  paid = await PaidScene.open(folder);
  await paid.start({ perGiB: String(perGiB) });
  reader = await paid.world.account("command reader");
  const key = await sealKey("operator", reader.privateKey as Hex, "devnet", "light");
  await writeFile(join(folder, "reader.json"), key, { mode: 0o600 });
  await writeFile(join(folder, "password"), "devnet\n", { mode: 0o600 });
  const chain = {
    id: paid.scene.chain.chainId,
    rpc: [paid.scene.chain.endpoint.url],
    vouchers: paid.world.address,
  };
  const config = { chain, key: "reader.json", passwordFile: "password" };
  await writeFile(join(folder, "reader.yaml"), JSON.stringify(config));
  const { peerId, addrs, reading: url } = paid.running;
  const { chainId, group, until } = paid.permission;
  const permission = encodePermission(paid.permission);
  const copy = {
    provider: paid.provider,
    peerId,
    addrs,
    url,
    root: paid.root,
    bytes: pieceBytes,
    permission,
  };
  const share = { chainId, group, name: "data", sequence: 1, with: "anybody", until, copies: [copy] };
  await writeFile(join(folder, "share.json"), JSON.stringify(share));
}, 5 * minutes);

afterAll(async () => {
  await paid.close();
  await removeFolder();
});

const run = (...args: string[]): Promise<CliResult> => runCli(args, { cwd: folder });

// The test knows the shape of each command's output.
// oxlint-disable-next-line typescript/no-explicit-any
async function json(...args: string[]): Promise<any> {
  const { code, stdout, stderr } = await run(...args, "--json");
  if (code !== 0) throw new Error(`${args.join(" ")}: exit ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

const url = (): string => paid.running.reading as string;
const channel = (): string[] => ["--provider", paid.provider, "--token", paid.token];
const fetching = (out: string, ...more: string[]): string[] =>
  ["fetch", "--share", "share.json", "--token", paid.token, "--out", out].concat(more);

it(
  "pays for a piece by deposit and fetch, and gets the rest back at the expiry",
  { timeout: 5 * minutes },
  async () => {
    const poor = await run(...fetching("data", "--pay-up-to", "1"));
    expect(poor).toMatchObject({ code: 3 });
    expect(poor.stderr).toMatch(/whitepay reader deposit --provider 0x/);
    const unpaid = await run(...fetching("data"));
    expect(unpaid.stderr).toMatch(
      new RegExp(
        `asks for a price a GiB of ${perGiB} in units of token ${paid.token}, paid to ${paid.provider}: no-voucher`,
      ),
    );

    const short = await run("reader", "deposit", ...channel(), "--amount", "1", "--blocks", "100", "--yes");
    expect(short).toMatchObject({ code: 2 });
    expect(short.stderr).toMatch(/expiry is out of bounds/);
    const deposited = await json(
      "reader",
      "deposit",
      ...channel(),
      "--amount",
      "1",
      "--blocks",
      "400",
      "--yes",
    );
    expect(deposited.transactions.at(-1)).toMatchObject({ sent: true, method: "deposit" });

    const half = await run(...fetching("data", "--pay-up-to", "0.004"));
    expect(half).toMatchObject({ code: 3 });
    expect(half.stderr).toMatch(/money for the next range: expected \d+ within the limit, actual \d+/);
    const dear = await run(...fetching("data", "--pay-up-to", "1", "--max-price", "0.5"));
    expect(dear.stderr).toMatch(
      /price a GiB: expected at most 500000000000000000, actual 1000000000000000000/,
    );
    const noLimit = await run(...fetching("data", "--max-price", "2"));
    expect(noLimit).toMatchObject({ code: 2 });

    const fetched = await json(...fetching("data", "--pay-up-to", "1"));
    expect(readFileSync(join(folder, "data")).equals(paid.bytes)).toBe(true);
    // HTTP and libp2p are two ways to one provider, and are paid from one account.
    expect(
      fetched.sources.every(
        ({ source }: { source: string }) => source === `${url()}/` || source.startsWith("peer "),
      ),
    ).toBe(true);
    const [paidTo] = fetched.paid;
    expect(paidTo.provider).toBe(paid.provider);
    // The second run read the first range again, to learn the size.
    const spent = wholePrice + rangePrice;
    const status = await json("reader", "status");
    expect(status.channels).toEqual([
      {
        provider: paid.provider,
        token: paid.token,
        deposited: String(perGiB),
        redeemed: "0",
        promised: String(spent),
        received: String(spent),
        rest: String(perGiB - spent),
        expiry: deposited.expiry,
      },
    ]);
    expect((await run("reader", "status")).stdout).toMatch(/can be withdrawn in \d+ blocks/);
    expect(await paid.accounts()).toMatchObject([{ owed: String(spent), promised: String(spent) }]);

    const early = await run("reader", "withdraw", ...channel(), "--yes");
    expect(early).toMatchObject({ code: 5 });
    await paid.world.chain.before(deposited.expiry + 1);
    const before = await paid.world.balanceOf(reader.address);
    await json("reader", "withdraw", ...channel(), "--yes");
    expect((await paid.world.balanceOf(reader.address)) - before).toBe(perGiB);
  },
);
