/** R39: which committees a daemon follows: those of its factories in which its operator consented. */
import { expect, it } from "vitest";
import { factoryAbi, registryAbi } from "../../../../../keeper/adapters/chain-ethers/abi.ts";
import { SeatFollower } from "../../../../../keeper/adapters/chain-ethers/seats.ts";
import type { Hex } from "../../../../../protocol/hash.ts";

const me: Hex = `0x${"a1".repeat(20)}`;
const registry: Hex = `0x${"e0".repeat(20)}`;
const factory: Hex = `0x${"f0".repeat(20)}`;
const [committee, stranger]: [Hex, Hex] = [`0x${"c0".repeat(20)}`, `0x${"c1".repeat(20)}`];

const registered = {
  payee: me,
  pendingPayee: me,
  keySequence: 1n,
  registeredAt: 5n,
  registrationSequence: 1n,
  peerId: "0x",
  multiaddrs: [],
  blsKey: "0x",
};

/** An endpoint with the registry and the factory, which made one committee. All other contracts are unknown. */
async function ask(method: string, [call]: readonly unknown[]): Promise<unknown> {
  if (method !== "eth_call") return null;
  const { to, data } = call as { readonly to: Hex; readonly data: string };
  if (to === registry) return registryAbi.encodeFunctionResult("keeper", [registered]);
  if (to !== factory) return "0x";
  const [asked] = factoryAbi.decodeFunctionData("isCommittee", data);
  return factoryAbi.encodeFunctionResult("isCommittee", [String(asked).toLowerCase() === committee]);
}

const consentAt = (address: Hex) => ({
  address,
  block: 7,
  tx: `0x${"0f".repeat(32)}` as const,
  name: "MemberConsented",
  args: { version: 1n, index: 0n, operator: me },
});

it("a contract that no configured factory made is not followed, whatever events it emits", async () => {
  const told: string[] = [];
  const follower = new SeatFollower(
    { operator: me, registry, factories: [factory] },
    {
      ask,
      askTransaction: ask,
      logs: {
        read: async ({ addresses }) =>
          addresses === undefined ? [stranger, committee, stranger].map(consentAt) : [],
      },
      members: { operators: async () => [me] },
      trouble: (_code, detail) => void told.push(detail),
    },
  );
  const head = { number: 100, hash: `0x${"64".repeat(32)}`, parentHash: `0x${"63".repeat(32)}` } as const;
  const seats = await follower.next(undefined, { ancestor: -1, head });
  expect([...seats.found.keys()]).toEqual([committee]);
  // Here even the factory's committee cannot be read; of the stranger nothing is read at all.
  expect(told.every((detail) => detail.startsWith(committee))).toBe(true);
  expect([...seats.unread.keys()]).toEqual([committee]);
});
