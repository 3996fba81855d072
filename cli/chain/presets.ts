/** Chains that people ask about: what is known of each, from where, and what suits it. */
import { lockupBound } from "../../protocol/group-bounds.ts";

export type Preset = {
  readonly name: string;
  readonly title: string;
  readonly chainId: number;
  /** seconds; undefined: unknown */
  readonly blockTime_s: number | undefined;
  /** In words: what a block needs until it stays. */
  readonly finality: string;
  readonly eip2537: "yes" | "no" | "unknown";
  /** Whether groups can be paid there; undefined: unknown, try `keeper check`. */
  readonly usable: boolean | undefined;
  readonly why: string;
  /** In blocks (R4); none where the chain is not usable. */
  readonly suggested: Suggested | undefined;
  /** Of the devnet alone: others need an endpoint of one's own. */
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

/** What a chain on one machine is used with, by the demo and by tests: a slot over the shortest turns that R4 allows. */
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

/** Interval of a day, turns of two hours, slots of one, in blocks of 2 s. */
const twoSeconds: Suggested = {
  interval: 43_200,
  turn: 3_600,
  slot: 1_800,
  answer: 150,
  confirmations: 64,
  lockup: 86_400,
};

export const presets: readonly Preset[] = [
  {
    name: "mainnet",
    title: "Ethereum",
    chainId: 1,
    blockTime_s: 12,
    finality: "two epochs, 64 to 95 blocks",
    eip2537: "yes",
    usable: true,
    why: "BLS precompiles are there; gas is dear: see what `group quote` says of the keepers' share",
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
    blockTime_s: 2,
    finality: "with its batch on Ethereum: some 15 minutes; before that the sequencer's word",
    eip2537: "yes",
    usable: true,
    why: "BLS precompiles are there; confirmations below finality trust the sequencer",
    suggested: twoSeconds,
    sources: isthmus,
  },
  {
    name: "optimism",
    title: "OP Mainnet",
    chainId: 10,
    blockTime_s: 2,
    finality: "with its batch on Ethereum: some 15 minutes; before that the sequencer's word",
    eip2537: "yes",
    usable: true,
    why: "BLS precompiles are there; confirmations below finality trust the sequencer",
    suggested: twoSeconds,
    sources: isthmus,
  },
  {
    name: "arbitrum",
    title: "Arbitrum One",
    chainId: 42_161,
    blockTime_s: 0.25,
    finality: "with its batch on Ethereum; before that the sequencer's word",
    eip2537: "unknown",
    usable: false,
    why: "block.number in a contract is Ethereum's block, while keepers count the chain's own: no settlement would ever be in time",
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
    why: "the Bhilai fork has the precompiles by its client's change; whether the chain answers is for `keeper check` to see",
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
    finality: "at once; the demo sets the pace of its blocks",
    eip2537: "yes",
    usable: true,
    why: "Hardhat 3 under Osaka rules; checked by the tests",
    suggested: { ...devnetRhythm, lockup: lockupBound(devnetRhythm, 4) },
    rpc: "http://127.0.0.1:8545",
    sources: [{ fact: "all of it", source: "this repository's tests", dated: "each run" }],
  },
];

export const presetNames = presets.map(({ name }) => name);
