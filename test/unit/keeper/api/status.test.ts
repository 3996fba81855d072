/** The status of a keeper with seats in several committees. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TypeormLedger } from "../../../../keeper/adapters/ledger-typeorm/index.ts";
import { statusSchema } from "../../../../keeper/api/schemas.ts";
import type { KeeperStatus } from "../../../../keeper/api/schemas.ts";
import { statusOf } from "../../../../keeper/api/status.ts";
import type { KeeperState } from "../../../../keeper/core/state.ts";
import type { CommitteeSnapshot } from "../../../../protocol/committee.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import { memberOf, operatorOf } from "../../../../sim/signatures/cheap-signatures.ts";
import { sharedFolder } from "../../../support/files.ts";
import { committeeAt, groupOf, Machine, machineConfig, providerEntry } from "../../../support/machine.ts";

const { me } = machineConfig;
const [first, second, left] = [1, 2, 3].map((digit): Hex => `0x${String(digit).repeat(40)}`) as [
  Hex,
  Hex,
  Hex,
];

/** A committee's machine at block 15, five blocks after the end of its last interval. */
function followed(address: Hex, change: Partial<CommitteeSnapshot>): KeeperState {
  const machine = new Machine();
  machine.step({ kind: "committee", snapshot: committeeAt(10, { ...change, address }) });
  machine.jump(0, 15);
  return machine.state;
}

const moving = groupOf(2, [providerEntry(0, 500n)], { settledThrough: 5 });
const others = [7, 8, 9, 10].map(memberOf);
const states = new Map([
  [second, followed(second, { groups: [{ ...moving, number: 4, entered: 40 }] })],
  [first, followed(first, { groups: [groupOf(1, [providerEntry(0)]), { ...moving, left: 40 }] })],
  // This keeper has no seat in its present version.
  [
    left,
    followed(left, {
      groups: [],
      version: { version: 2, seed: `0x${"07".repeat(32)}`, members: others, resigned: [] },
    }),
  ],
]);

let ledger: TypeormLedger;
let remove: () => Promise<void>;
beforeAll(async () => {
  const shared = await sharedFolder();
  remove = shared.remove;
  ledger = await TypeormLedger.open({ kind: "file", path: join(shared.folder, "ledger.sqlite") });
});
afterAll(async () => {
  await ledger.close();
  await remove();
});

function told(connected: readonly Hex[]): Promise<KeeperStatus> {
  return statusOf({
    keeper: { committees: [...states.keys()], stateOf: (committee) => states.get(committee), connected },
    books: ledger,
    surroundings: () => ({
      head: undefined,
      headLook: { block: 15, age_s: 1, limit_s: 10, isOld: false },
      pace: undefined,
      clock: undefined,
      diskFreeBytes: undefined,
      operator: undefined,
      funds: new Map(),
      latencies_ms: new Map(),
      earned: new Map(),
      bookedThrough: new Map(),
    }),
    unreadable: () => new Map(),
    operator: me,
    peerId: "",
    groups: () => [],
    policy: { tokens: [], leastKeeperFee: "0", mostProviders: null },
    startedAt_ms: 0,
    now_ms: () => 0,
  });
}

describe("the status of a keeper with seats in several committees", () => {
  it("has one entry for each committee, and one for each group in it, in order", async () => {
    const status = statusSchema.parse(await told([0, 1, 3].map(operatorOf)));
    expect(status.committees).toMatchObject([
      { committee: first, seat: 2, version: 1, groups: 2, ts: 10, turn: 0, phase: "challenge", connected: 4 },
      { committee: second, seat: 2, groups: 1, quorum: 3 },
      { committee: left, seat: -1, version: 2, groups: 0, connected: 0 },
    ]);
    // A group that moves is in both committees until it has left the old one.
    expect(status.groups).toMatchObject([
      { committee: first, number: 1, settledThrough: 10, left: null },
      { committee: first, number: 2, group: moving.address, left: 40, settledThrough: 5 },
      { committee: second, number: 4, group: moving.address, entered: 40, left: null },
    ]);
    expect(status.groups[1]?.providers).toMatchObject([{ index: 0, committedBytes: "500" }]);
    expect(status).toMatchObject({ ready: true, problems: [] });
  });

  it("names each committee without a quorum of connected keepers, and none that it has left", async () => {
    const { problems } = await told([operatorOf(0)]);
    expect(problems).toEqual(
      [first, second].map((committee) => `committee ${committee}: 2 keepers connected, expected 3 or more`),
    );
  });
});
