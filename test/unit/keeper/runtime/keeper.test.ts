/** What a keeper of several committees tells its transport: whom to connect to, and the size of its work (R37, R39). */
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../../keeper/adapters/clock-system.ts";
import type { ChainUpdate, Endpoint } from "../../../../keeper/ports/chain.ts";
import { Keeper } from "../../../../keeper/runtime/keeper.ts";
import type { CommitteeSnapshot } from "../../../../protocol/committee.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import type { Scale } from "../../../../protocol/limits/derived.ts";
import {
  memberOf,
  operatorOf,
  simulatedCrypto,
  simulatedKeyring,
} from "../../../../sim/signatures/cheap-signatures.ts";
import { committeeAt, groupOf, hashAt, providerEntry } from "../../../support/machine.ts";

type Told = { readonly members: readonly Hex[]; readonly scale: Scale };

const endpointOf = async (operator: Hex): Promise<Endpoint> => ({
  operator,
  sequence: 1,
  peerId: operator,
  multiaddrs: [],
});
const nothing = {
  kind: "restored",
  head: -1,
  records: [],
  notes: [],
  own: [],
  salts: [],
  before: [],
  certificates: [],
  consents: [],
} as const;

/** What keeper 2 tells the transport after each of these updates; the n-th has block 11 + n. */
async function told(updates: readonly (readonly CommitteeSnapshot[])[]): Promise<Told[]> {
  const found: Told[] = [];
  const none = async (): Promise<undefined> => undefined;
  const follow = async (_me: Hex, onUpdate: (update: ChainUpdate) => Promise<void>): Promise<void> => {
    for (const [i, committees] of updates.entries()) {
      await onUpdate({ blocks: [{ number: 11 + i, hash: hashAt(11 + i) }], committees });
      while (found.length <= i) await systemClock.sleep(1);
    }
  };
  const keeper = new Keeper(
    { timeout_ms: 1_000, replacesResigned: false },
    {
      keyring: simulatedKeyring(2),
      crypto: simulatedCrypto,
      clock: systemClock,
      store: {
        load: async () => nothing,
        write: none,
        proofOf: none,
        prune: none,
        listOf: none,
        keepList: none,
        pruneLists: none,
        keepEvidence: none,
        evidence: async () => [],
      },
      ledger: { addChallenge: () => undefined },
      transport: {
        join: () => undefined,
        publish: none,
        serve: () => undefined,
        ask: none,
        setMembers: (members, _own, scale) =>
          void found.push({ members: members.map(({ operator }) => operator).sort(), scale }),
        onConnected: () => undefined,
      },
      chain: {
        follow,
        keeperEndpoint: endpointOf,
        providerEndpoint: none,
        fee: none,
        submit: async () => ({ kind: "superseded", detail: "not sent" }),
      },
      telemetry: {
        reason: () => undefined,
        info: () => undefined,
        warn: () => undefined,
        error: () => undefined,
      },
      provider: {
        challenge: async () => ({ ok: false, reason: "unreachable", detail: "" }),
        pieceList: async () => ({ ok: false, reason: "unreachable", detail: "" }),
      },
    },
  );
  await keeper.run(new AbortController().signal);
  return found;
}

const operators = (...indices: number[]): Hex[] => indices.map(operatorOf).sort();
const { version } = committeeAt(10);

describe("a keeper with seats in two committees", () => {
  const small = committeeAt(10);
  const large = committeeAt(10, {
    address: `0x${"c1".repeat(20)}`,
    version: { ...version, members: [0, 1, 2, 3, 4, 5, 6].map(memberOf) },
    groups: [groupOf(1, [providerEntry(0)]), groupOf(2, [providerEntry(0), providerEntry(1)])],
  });

  it("derives its limits from both, also after an update that shows only one of them", async () => {
    const [first, second] = await told([[small, large], [small]]);
    const both = { committees: 2, n: 7, keepers: 7, groups: 2, providers: 3 };
    expect(first?.scale).toEqual(both);
    expect(second?.scale).toEqual(both);
    expect(second?.members).toEqual(operators(0, 1, 3, 4, 5, 6));
  });
});

describe("a complete next version of a committee", () => {
  it("is connected before it takes effect: its members challenge already (R37)", async () => {
    const next = { ...version, version: 2, members: [0, 1, 2, 8].map(memberOf) };
    const [only] = await told([[committeeAt(10, { next })]]);
    expect(only?.members).toEqual(operators(0, 1, 3, 8));
  });
});
