/** The chain by JSON-RPC, with ethers. */
import { encodeBase58 } from "ethers";
import type { Hex } from "../../../protocol/hash.ts";
import type { ReasonCode } from "../../../protocol/reasons.ts";
import type {
  ChainPort,
  ChainUpdate,
  Endpoint,
  HandingIn,
  Submission,
  SubmitResult,
} from "../../ports/chain.ts";
import type { ClockPort } from "../../ports/clock.ts";
import { registryAbi } from "./abi.ts";
import { Contradiction } from "./blocks.ts";
import type { ChainPace } from "../../../daemon/chain/pace.ts";
import { Feed } from "./feed.ts";
import type { FeeLimits } from "../../../protocol/fees.ts";
import type { TokenPrices } from "./fees.ts";
import { RpcDisagreement, RpcPool, RpcUnavailable } from "../../../daemon/chain/rpc.ts";
import { call } from "../../../daemon/chain/calls.ts";
import type { Ask } from "../../../daemon/chain/calls.ts";
import { Submitter } from "./submit.ts";

export type ChainOptions = {
  readonly chainId: number;
  readonly urls: readonly string[];
  readonly registry: Hex;
  /** Committees of other factories are not followed. */
  readonly factories: readonly Hex[];
  readonly operatorSecret: string;
  readonly poll_ms: number;
  readonly fees: FeeLimits;
  readonly tokenPrices: TokenPrices;
};

const outagePause_ms = 1_000;
const bumpAfterBlocks = 3;

export class EthersChain implements ChainPort {
  readonly #options: ChainOptions;
  readonly #rpc: RpcPool;
  readonly #ask: Ask = (method, params) => this.#rpc.send(method, params);
  readonly #clock: ClockPort;
  readonly #submitter: Submitter;
  #feed: Feed | undefined;

  constructor(options: ChainOptions, clock: ClockPort) {
    this.#options = options;
    this.#clock = clock;
    this.#rpc = new RpcPool(options, () => clock.now_ms());
    this.#submitter = new Submitter({ ...options, bumpAfterBlocks }, this.#rpc, clock);
  }

  /** Age of the last handled head. */
  get pace(): ChainPace {
    return this.#rpc.pace;
  }

  /** By address: why a committee or a group cannot be read now. */
  get unreadable(): ReadonlyMap<Hex, string> {
    return this.#feed?.unreadable ?? new Map();
  }

  async follow(
    operator: Hex,
    onUpdate: (update: ChainUpdate) => Promise<void>,
    onTrouble: (code: ReasonCode, detail: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    this.#rpc.onTrouble(onTrouble);
    const { chainId, registry, factories } = this.#options;
    const feed = new Feed(this.#rpc, { chainId, registry, factories, operator }, onTrouble);
    this.#feed = feed;
    while (!signal.aborted) {
      let pause_ms = this.#options.poll_ms;
      try {
        const update = await feed.next();
        if (update !== undefined) {
          await onUpdate(update);
          const head = update.blocks.at(-1);
          if (head !== undefined) this.pace.saw(head.number, this.#clock.now_ms());
        }
      } catch (error) {
        if (signal.aborted) break;
        // An outage of all endpoints pauses the keeper. It resumes at the same block.
        if (error instanceof Contradiction) onTrouble("rpc-disagrees", error.message);
        // The RPC client has reported these already.
        else if (!(error instanceof RpcUnavailable || error instanceof RpcDisagreement))
          onTrouble("rpc-down", (error as Error).message);
        pause_ms = outagePause_ms;
      }
      await this.#clock.sleep(pause_ms, signal);
    }
    this.#rpc.close();
  }

  keeperEndpoint(operator: Hex): Promise<Endpoint | undefined> {
    return this.#endpoint("keeper", operator);
  }

  providerEndpoint(operator: Hex): Promise<Endpoint | undefined> {
    return this.#endpoint("provider", operator);
  }

  async #endpoint(role: "keeper" | "provider", operator: Hex): Promise<Endpoint | undefined> {
    const [entry] = await call(this.#ask, registryAbi, this.#options.registry, role, [operator], "latest");
    if (entry.registeredAt === 0n) return undefined;
    // The libp2p peer id of an ed25519 key is the base58 text of its identity multihash.
    const peerId = encodeBase58(entry.peerId);
    return {
      operator,
      peerId,
      multiaddrs: [...entry.multiaddrs],
      sequence: Number(entry.registrationSequence),
    };
  }

  /** Registrations of the first keepers of the registry. @throws if no endpoint answers */
  async firstKeepers(count: number): Promise<Endpoint[]> {
    const { registry } = this.#options;
    const [operators] = await call(this.#ask, registryAbi, registry, "keeperOperators", [0, count], "latest");
    const found = await Promise.all(
      [...(operators as Iterable<string>)].map((operator) =>
        this.keeperEndpoint(operator.toLowerCase() as Hex),
      ),
    );
    return found.filter((endpoint) => endpoint !== undefined);
  }

  fee(submission: HandingIn): Promise<bigint | undefined> {
    return this.#submitter.fee(submission);
  }

  submit(submission: Submission, signal: AbortSignal): Promise<SubmitResult> {
    return this.#submitter.submit(submission, signal);
  }
}
