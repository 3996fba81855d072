/** A provider that takes money for reading, on a chain with the contract of paid reading, and readers with deposits (R47). */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { join } from "node:path";
import type { Wallet } from "ethers";
import { pino } from "pino";
import { signVoucher } from "../../client/reading/vouchers.ts";
import { decodeVoucher, encodeVoucher } from "../../protocol/codec/paid-reading.ts";
import type { ShownVoucher } from "../../protocol/codec/paid-reading.ts";
import { encodePermission } from "../../protocol/codec/piece-http.ts";
import type { GroupDomain, Permission } from "../../protocol/codec/permission.ts";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { loadConfig } from "../../provider/config.ts";
import { startProvider } from "../../provider/compose.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { VouchersWorld } from "./contracts/vouchers-world.ts";
import { seededBytes } from "./files.ts";
import { signedPermission } from "./permissions.ts";
import { lower } from "./provider-chain.ts";
import { providerScene } from "./provider-scene.ts";
import type { Scene } from "./provider-scene.ts";

/** The piece has this many ranges; the last one is short. */
export const ranges = 6;
const lastBytes = 70_000;
export const pieceBytes = (ranges - 1) * rangeBytes + lastBytes;
/** One unit a byte, so that a range costs as many units as it has bytes. */
export const perGiB = 1n << 30n;
export const rangePrice = BigInt(rangeBytes);

export type Got = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

export type Asking = {
  readonly voucher?: ShownVoucher;
  readonly method?: string;
  /** Local address of the connection. */
  readonly from?: string;
  /** Of the permission. Default: no limit. */
  readonly bytesPerDay?: number;
};

export class PaidScene {
  readonly scene: Scene;
  readonly world: VouchersWorld;
  readonly permission: GroupDomain & Permission;
  #running: RunningProvider | undefined;

  private constructor(scene: Scene, world: VouchersWorld, permission: GroupDomain & Permission) {
    this.scene = scene;
    this.world = world;
    this.permission = permission;
  }

  static async open(folder: string): Promise<PaidScene> {
    const scene = await providerScene(folder, [[pieceBytes]]);
    const { chain, convener } = scene.chain.world;
    const world = await VouchersWorld.on(chain);
    const domain = { chainId: scene.chain.chainId, group: scene.stored[0]!.group.address };
    const until = (await chain.block()) + 1_000_000;
    const signed = await signedPermission(convener, domain, { peer: undefined, until, sequence: 1 });
    return new PaidScene(scene, world, { ...domain, ...signed });
  }

  get root(): Hex {
    return toHex(this.scene.stored[0]!.list.pieces.at(0)!.root);
  }
  get bytes(): Uint8Array {
    return seededBytes(pieceBytes, 1);
  }
  get running(): RunningProvider {
    if (this.#running === undefined) throw new Error("the provider does not run");
    return this.#running;
  }
  /** The account that redeems. */
  get provider(): Hex {
    return this.scene.keys.operatorAddress;
  }
  get token(): Hex {
    return lower(this.world.tokenAddress);
  }
  get folder(): string {
    return join(this.scene.config.dataDir, "vouchers");
  }

  /** Writes a configuration with these settings of `reading.price`; undefined: reading costs nothing. Returns its path. */
  async configure(
    price?: Readonly<Record<string, unknown>>,
    from = this.scene.configPath,
    dataDir = this.scene.config.dataDir,
  ): Promise<string> {
    const before = await readFile(from, "utf8");
    const terms = price && { token: this.token, perGiB: String(perGiB), ...price };
    const reading = { host: "127.0.0.1", port: 0, ...(terms && { price: terms }) };
    const path = join(dataDir, "paid.yaml");
    const chain = `  vouchers: "${lower(this.world.address)}"\n  registry:`;
    const text = before.replace(/^ {2}registry:/m, price === undefined ? "  registry:" : chain);
    await writeFile(path, `${text}reading: ${JSON.stringify(reading)}\n`);
    return path;
  }

  /** Starts the daemon, again with other settings if it runs. */
  async start(price?: Readonly<Record<string, unknown>>): Promise<RunningProvider> {
    await this.stop();
    const config = await loadConfig(await this.configure(price));
    this.#running = await startProvider(config, this.scene.keys, pino({ level: "silent" }));
    return this.#running;
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.scene.close();
  }

  /** A reader with tokens, and a deposit for this provider. */
  async reader(label: string, amount = 100n * rangePrice, ahead = 1_000): Promise<Wallet> {
    const reader = await this.world.account(label);
    if (amount > 0n) await this.deposit(reader, amount, ahead);
    return reader;
  }

  async deposit(reader: Wallet, amount: bigint, ahead = 1_000): Promise<void> {
    const expiry = (await this.world.chain.block()) + 1 + ahead;
    await this.world.deposit({ reader, provider: this.scene.operator }, amount, { expiry });
  }

  async voucher(reader: Wallet, amount: bigint, changes: Partial<ShownVoucher> = {}): Promise<ShownVoucher> {
    const domain = {
      chainId: changes.chainId ?? Number(this.world.chain.chainId),
      vouchers: changes.vouchers ?? lower(this.world.address),
    };
    const { provider = this.provider, token = this.token } = changes;
    const signed = await signVoucher(reader, domain, { provider, token }, amount);
    return { ...domain, ...signed, ...changes };
  }

  async #permitted(bytesPerDay: number | undefined): Promise<GroupDomain & Permission> {
    if (bytesPerDay === undefined) return this.permission;
    const { chainId, group, until } = this.permission;
    const wish = { peer: undefined, until, sequence: 2, bytesPerDay };
    const payer = this.scene.chain.world.convener;
    return { chainId, group, ...(await signedPermission(payer, { chainId, group }, wish)) };
  }

  /** Bytes [at, to) of the piece over HTTP. */
  async get(
    at: number,
    to: number,
    { voucher, method = "GET", from = "127.0.0.1", bytesPerDay }: Asking = {},
  ): Promise<Got> {
    const headers = {
      Range: `bytes=${at}-${to - 1}`,
      "WhitePay-Permission": encodePermission(await this.#permitted(bytesPerDay)),
      ...(voucher && { "WhitePay-Voucher": encodeVoucher(voucher) }),
    };
    const url = `${this.running.reading}/piece/${this.root.slice(2)}`;
    return new Promise((resolve, reject) => {
      const options = { method, headers, agent: false as const, localAddress: from };
      const asked = httpRequest(url, options, (response) => {
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

  /** One range, likewise. */
  range(range: number, options: Asking = {}): Promise<Got> {
    return this.get(range * rangeBytes, Math.min(pieceBytes, (range + 1) * rangeBytes), options);
  }

  /** What a range's answer says: "paid 5", "free", or the code of what is owed with the amount that is needed. */
  async said(range: number, options: Asking = {}): Promise<string> {
    const got = await this.range(range, options);
    if (got.status === 206) {
      const wanted = this.bytes.subarray(range * rangeBytes, (range + 1) * rangeBytes);
      if (!got.body.equals(wanted)) return "other bytes";
      const charged = got.headers["whitepay-charged"];
      return charged === undefined ? "free" : `paid ${String(charged)}`;
    }
    if (got.status !== 402) return `HTTP ${got.status}: ${got.body.toString()}`;
    const { due, needed } = JSON.parse(got.body.toString()) as { due: string; needed: string };
    return `${due} ${needed}`;
  }

  /** The readers' accounts on the disk, with the amount of the voucher. */
  async accounts(): Promise<{ owed: string; promised: string; amount: string }[]> {
    const found: { owed: string; promised: string; amount: string }[] = [];
    for (const name of await readdir(this.folder)) {
      if (!name.endsWith(".json")) continue;
      const text = await readFile(join(this.folder, name), "utf8");
      const { owed, promised, voucher } = JSON.parse(text) as Record<"owed" | "promised" | "voucher", string>;
      const decoded = decodeVoucher(voucher);
      if (!decoded.ok) throw new Error(decoded.detail);
      found.push({ owed, promised, amount: String(decoded.value.amount) });
    }
    return found;
  }
}
