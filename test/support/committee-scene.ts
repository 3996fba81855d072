/** Committees and groups on a chain in this process, and keepers' chain adapters that read it over HTTP. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { Contract, type TransactionReceipt, type Wallet } from "ethers";
import { decodeG1 } from "../../client/bls.ts";
import { EthersChain } from "../../keeper/adapters/chain-ethers/index.ts";
import { systemClock } from "../../keeper/adapters/clock-system.ts";
import type { ChainUpdate, HandingIn } from "../../keeper/ports/chain.ts";
import { bitmap } from "../../protocol/bitmap.ts";
import type { Certificate, CertifiedGroup } from "../../protocol/certificate.ts";
import type { CommitteeSnapshot } from "../../protocol/committee.ts";
import { defaultFeeLimits, type FeeLimits } from "../../protocol/fees.ts";
import { toHex, type Hex } from "../../protocol/hash.ts";
import type { Run } from "../../protocol/handing-in.ts";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { send, type Chain } from "./contracts/chain.ts";
import { peerId } from "./contracts/keys.ts";
import { range, type Keeper } from "./contracts/basics.ts";
import type { Committee } from "./contracts/committee-contract.ts";
import { CommitteeWorld } from "./contracts/committee-world.ts";

export const gibibyte = 1n << 30n;
export const lockup = 2_000;
const root: Hex = `0x${"5e".repeat(32)}`;

export type Data = { readonly size?: bigint; readonly price?: bigint; readonly root?: Hex };

/** A group and what its payer and providers do in a test. */
export class SceneGroup {
  readonly scene: CommitteeScene;
  readonly contract: Contract;
  readonly address: Hex;
  readonly providers: Wallet[] = [];

  constructor(scene: CommitteeScene, contract: Contract) {
    this.scene = scene;
    this.contract = contract;
    this.address = (contract.target as string).toLowerCase() as Hex;
  }

  // A view's shape is known to the test that asks.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  async read(name: string, ...args: unknown[]): Promise<any> {
    return this.contract.getFunction(name).staticCall(...args);
  }

  async send(method: string, ...args: unknown[]): Promise<TransactionReceipt> {
    return send(this.contract, this.scene.world.convener, method, args);
  }

  async enter(committee: Committee, ceiling = 8): Promise<void> {
    await this.send("enter", committee.contract, ceiling);
  }

  /** Adds a provider and returns its index. */
  async add(label: string, data: Data = {}): Promise<number> {
    const operator = await this.scene.provider(label);
    const [terms, consent] = await this.#consented(operator, data);
    await this.send("addProvider", operator.address, terms, consent);
    const index = Number(await this.read("providerOf", operator.address)) - 1;
    this.providers[index] = operator;
    return index;
  }

  async change(index: number, data: Data): Promise<void> {
    const [terms, consent] = await this.#consented(this.providers[index] as Wallet, data);
    await this.send("changeData", index, terms, consent);
  }

  async #consented(operator: Wallet, data: Data): Promise<[object, string]> {
    const terms = {
      root,
      size: gibibyte,
      price: 1000n << 34n,
      receiptKey: operator.address,
      sequence: (await this.read("consentSequence", operator.address)) + 1n,
      deadline: 1_000_000n,
      ...data,
    };
    const { chainId } = this.scene.world.chain;
    const domain = { name: "WhitePay", version: "2", chainId, verifyingContract: this.address };
    const fields =
      "address committee,bytes32 root,uint64 size,uint80 price,address receiptKey,uint64 sequence,uint64 deadline";
    const types = {
      ProviderData: fields.split(",").map((field) => {
        const [type = "", name = ""] = field.split(" ");
        return { type, name };
      }),
    };
    const [committee] = await this.read("effectiveFrom");
    return [terms, await operator.signTypedData(domain, types, { committee, ...terms })];
  }
}

/** What a keeper's adapter told so far. */
export type Following = {
  readonly chain: EthersChain;
  readonly updates: ChainUpdate[];
  readonly troubles: string[];
  /** Canonical hashes as the updates tell them. */
  hashes(): Map<number, Hex>;
  /** The last snapshot of a committee. */
  shown(committee: Committee): CommitteeSnapshot | undefined;
  /** Waits until the adapter has told the present head. */
  caughtUp(): Promise<void>;
  until(holds: () => boolean, what: string): Promise<void>;
  stop(): Promise<void>;
};

export type FollowOptions = {
  readonly urls?: readonly string[];
  readonly fees?: FeeLimits;
  readonly tokenPrices?: ReadonlyMap<Hex, string>;
};

export class CommitteeScene {
  readonly world: CommitteeWorld;
  readonly url: string;
  readonly #server: Server;

  private constructor(world: CommitteeWorld, server: Server) {
    this.world = world;
    this.#server = server;
    this.url = urlOf(server);
  }

  static async open(): Promise<CommitteeScene> {
    const world = await CommitteeWorld.whole();
    await send(world.token, world.convener, "mint", [world.convener.address, 10n ** 30n]);
    return new CommitteeScene(world, await serve(world.chain));
  }

  async close(): Promise<void> {
    await new Promise((done) => this.#server.close(done));
    await this.world.chain.close();
  }

  async provider(label: string): Promise<Wallet> {
    const { chain, registry } = this.world;
    const operator = await chain.account(label);
    if (!(await registry.getFunction("isProvider")(operator.address))) {
      const args = [operator.address, peerId(label), ["/ip4/127.0.0.1/tcp/2"]];
      await send(registry, operator, "registerProvider", args);
    }
    return operator;
  }

  /** A funded group of the convener's; it enters `committee` if there is one. */
  async group(committee: Committee, enters = true): Promise<SceneGroup> {
    const { convener, factory, token } = this.world;
    const config = { token, lockup, keeperShareBps: 1000, keeperFee: 5n };
    const receipt = await send(factory, convener, "createGroup", [config, committee.contract, 0]);
    const created = receipt.logs
      .map((log) => factory.interface.parseLog(log))
      .find((log) => log?.name === "GroupCreated");
    const address = String(created?.args["group"]);
    const group = new SceneGroup(
      this,
      new Contract(address, artifact("interfaces/IUpkeeping").abi, convener),
    );
    await send(token, convener, "approve", [address, 10n ** 26n]);
    await group.send("deposit", 10n ** 26n);
    if (enters) await group.enter(committee);
    return group;
  }

  /** Blocks one by one: those that the node makes many at a time name no parent. */
  async mine(blocks: number): Promise<void> {
    for (let i = 0; i < blocks; i++) await this.world.chain.rpc("evm_mine");
  }

  async mineTo(block: number): Promise<void> {
    await this.mine(block - (await this.world.chain.block()));
  }

  async hashOf(block: number): Promise<Hex> {
    const found = await this.world.chain.rpc("eth_getBlockByNumber", [`0x${block.toString(16)}`, false]);
    return (found as { hash: Hex }).hash;
  }

  /** A keeper's chain adapter without memory of earlier ones, as in a new process. */
  async chain({ operator }: Keeper, options: FollowOptions = {}): Promise<EthersChain> {
    const { urls = [this.url], fees = defaultFeeLimits, tokenPrices = new Map() } = options;
    const { chain, registry, factory } = this.world;
    return new EthersChain(
      {
        chainId: Number(chain.chainId),
        urls,
        registry: await lower(registry),
        factories: [await lower(factory)],
        operatorSecret: operator.privateKey,
        poll_ms: 10,
        fees,
        tokenPrices,
      },
      systemClock,
    );
  }

  async follow(keeper: Keeper, options: FollowOptions = {}): Promise<Following> {
    const chain = await this.chain(keeper, options);
    const abort = new AbortController();
    const updates: ChainUpdate[] = [];
    const troubles: string[] = [];
    const done = chain.follow(
      keeper.operator.address.toLowerCase() as Hex,
      async (update) => void updates.push(update),
      (code, detail) => troubles.push(`${code}: ${detail}`),
      abort.signal,
    );
    const until = async (holds: () => boolean, what: string): Promise<void> => {
      const end = performance.now() + 15_000;
      while (!holds()) {
        if (performance.now() > end)
          throw new Error(`not within 15 s: ${what}; told: ${troubles.join(", ")}`);
        await systemClock.sleep(10);
      }
    };
    return {
      chain,
      updates,
      troubles,
      hashes: () => hashesOf(updates),
      shown: ({ address }) => {
        const same = (one: CommitteeSnapshot): boolean => one.address === address.toLowerCase();
        return updates.flatMap(({ committees }) => committees).findLast(same);
      },
      caughtUp: async () => {
        const head = await this.world.chain.block();
        const hash = await this.hashOf(head);
        await until(() => updates.at(-1)?.blocks.at(-1)?.hash === hash, `block ${head}`);
      },
      until,
      stop: async () => {
        abort.abort();
        await done;
      },
    };
  }
}

async function lower(contract: Contract): Promise<Hex> {
  return (await contract.getAddress()).toLowerCase() as Hex;
}

function hashesOf(updates: readonly ChainUpdate[]): Map<number, Hex> {
  const known = new Map<number, Hex>();
  for (const { blocks } of updates) {
    const first = blocks[0]?.number ?? 0;
    for (const number of known.keys()) if (number >= first) known.delete(number);
    for (const block of blocks) known.set(block.number, block.hash);
  }
  return known;
}

/** What the core hands in: a certificate with real signatures of `signers`, all if none are named. */
export function certifying(
  committee: Committee,
  certificate: Certificate,
  groups: readonly CertifiedGroup[],
  run: Run,
  signers: readonly number[] = range(committee.members.length),
): HandingIn {
  const point = decodeG1(committee.sign(certificate, signers));
  return {
    committee: committee.address.toLowerCase() as Hex,
    kind: "certify",
    turn: 1,
    certificate,
    groups,
    run,
    signers: bitmap(signers),
    signature: toHex(bls12_381.G1.Point.fromAffine(point.toAffine()).toBytes(true)),
    windowEnd: certificate.te + committee.rhythm.turn,
  };
}

export function settling(
  committee: Committee,
  certificate: Certificate,
  groups: readonly CertifiedGroup[],
  run: Run,
): HandingIn {
  const address = committee.address.toLowerCase() as Hex;
  return { committee: address, kind: "settle", turn: 1, certificate, groups, run };
}

/** Waits for an event of the chain or of a keeper. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 15_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within 15 s: ${what}`);
    await systemClock.sleep(20);
  }
}

/** The JSON-RPC interface of a chain over HTTP. */
async function serve(chain: Chain): Promise<Server> {
  const answer = ({ id, method, params }: Call): Promise<object> =>
    chain.rpc(method, params).then(
      (result) => ({ jsonrpc: "2.0", id, result }),
      ({ code, message, data }: { code: number; message: string; data: unknown }) => ({
        jsonrpc: "2.0",
        id,
        error: { code, message, data },
      }),
    );
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const calls = JSON.parse(Buffer.concat(parts).toString()) as Call | Call[];
      const answers = Array.isArray(calls) ? Promise.all(calls.map(answer)) : answer(calls);
      void answers.then((said) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(JSON.stringify(said));
      });
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return server;
}

type Call = { readonly id: number; readonly method: string; readonly params: unknown[] };

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
