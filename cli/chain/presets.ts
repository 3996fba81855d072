/** Presets: properties of known chains, their sources, and suggested parameters. */
import { lockupBound } from "../../protocol/group-bounds.ts";

export type Preset = {
  readonly name: string;
  readonly title: string;
  readonly chainId: number;
  /** seconds; undefined: unknown */
  readonly blockTime_s: number | undefined;
  /** When a block becomes final, as text. */
  readonly finality: string;
  readonly eip2537: "yes" | "no" | "unknown";
  /** Whether groups can settle on the chain; undefined: unknown, run `keeper check`. */
  readonly usable: boolean | undefined;
  readonly why: string;
  /** In blocks (R4); undefined if the chain is not usable. */
  readonly suggested: Suggested | undefined;
  /** Devnet only: other chains need an endpoint of the user. */
  readonly rpc?: string;
  readonly sources: readonly { readonly fact: string; readonly source: string; readonly dated: string }[];
};

export type Suggested = {
  readonly interval: number;
  readonly turn: number;
  readonly slot: number;
  readonly answer: number;
  readonly confirmations: number;
  readonly lockup: number;
};

/** Parameters of a local chain in the demo and in tests: short turns within the bounds of R4. */
export const devnetRhythm = { interval: 40, turn: 30, slot: 10, answer: 5, confirmations: 1 } as const;

const isthmus = [
  {
    fact: "EIP-2537 since Isthmus, 2025-05-09 16:00:01 UTC",
    source:
      "https://docs.base.org/base-chain/specs/upgrades/isthmus/overview.md (Base) and https://github.com/ethereum-optimism/op-geth/releases/tag/v1.101503.4 (base, op)",
    dated: "2025-05",
  },
  { fact: "blocks of 2 s", source: "OP Stack default; measure with keeper check", dated: "not looked up" },
];

/** An interval of one day, turns of two hours and slots of one hour, in blocks of 2 s. */
const twoSeconds: Suggested = {
  interval: 43_200,
  turn: 3_600,
  slot: 1_800,
  answer: 150,
  confirmations: 64,
  lockup: 86_400,
};

/** Chains of the OP Stack. */
const opStack = {
  blockTime_s: 2,
  finality: "when its batch is final on Ethereum, about 15 minutes; until then it depends on the sequencer",
  eip2537: "yes",
  usable: true,
  why: "has the BLS precompiles; confirmations below finality trust the sequencer",
  suggested: twoSeconds,
  sources: isthmus,
} as const;

export const presets: readonly Preset[] = [
  {
    name: "mainnet",
    title: "Ethereum",
    chainId: 1,
    blockTime_s: 12,
    finality: "two epochs, 64 to 95 blocks",
    eip2537: "yes",
    usable: true,
    why: "has the BLS precompiles; gas is expensive: compare it with the keepers' share in `group quote`",
    suggested: { interval: 7_200, turn: 600, slot: 300, answer: 25, confirmations: 64, lockup: 14_400 },
    sources: [
      {
        fact: "EIP-2537 since Pectra, epoch 364032 (timestamp 1746612311, 2025-05-07)",
        source: "EIP-7600, https://eips.ethereum.org/EIPS/eip-7600",
        dated: "2025-05",
      },
      {
        fact: "slots of 12 s, epochs of 32 slots",
        source: "Ethereum's consensus specification",
        dated: "not looked up",
      },
    ],
  },
  {
    name: "base",
    title: "Base",
    chainId: 8_453,
    ...opStack,
  },
  {
    name: "optimism",
    title: "OP Mainnet",
    chainId: 10,
    ...opStack,
  },
  {
    name: "arbitrum",
    title: "Arbitrum One",
    chainId: 42_161,
    blockTime_s: 0.25,
    finality: "when its batch is final on Ethereum; until then it depends on the sequencer",
    eip2537: "unknown",
    usable: false,
    why: "block.number in a contract is Ethereum's block number, but keepers count the chain's own blocks: every settlement would miss its turn",
    suggested: undefined,
    sources: [
      {
        fact: "block.number is that of the parent chain",
        source: "https://docs.arbitrum.io/arbitrum-essentials/arbitrum-vs-ethereum/block-numbers-and-time.md",
        dated: "undated page",
      },
      {
        fact: "blocks of about 250 ms",
        source:
          "https://dev.to/swiftnodes/arbitrum-rpc-a-developers-guide-chain-id-42161-250ms-blocks-fake-gas-limit-57gc",
        dated: "undated page",
      },
    ],
  },
  {
    name: "polygon",
    title: "Polygon PoS",
    chainId: 137,
    blockTime_s: undefined,
    finality: "by milestones (PIP-11), 12 blocks or more behind the head",
    eip2537: "yes",
    usable: undefined,
    why: "the Bhilai fork adds the precompiles in the client; verify the chain with `keeper check`",
    suggested: twoSeconds,
    sources: [
      {
        fact: "EIP-2537 in the Bhilai fork",
        source: "https://github.com/erigontech/erigon/pull/15261",
        dated: "2025-05-26",
      },
      {
        fact: "finality by milestones",
        source:
          "PIP-11, https://github.com/maticnetwork/Polygon-Improvement-Proposals/blob/main/PIPs/PIP-11.md",
        dated: "2023-09-25",
      },
    ],
  },
  {
    name: "devnet",
    title: "A local Hardhat node",
    chainId: 31_337,
    blockTime_s: undefined,
    finality: "immediate; the demo controls the pace of blocks",
    eip2537: "yes",
    usable: true,
    why: "Hardhat 3 under Osaka rules; checked by the tests",
    suggested: { ...devnetRhythm, lockup: lockupBound(devnetRhythm, 4) },
    rpc: "http://127.0.0.1:8545",
    sources: [{ fact: "all of it", source: "this repository's tests", dated: "each run" }],
  },
];

export const presetNames = presets.map(({ name }) => name);
