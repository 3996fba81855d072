/** Finds the committees of this keeper and what they certify, and checks that it has a seat that counts (R37, R39). */
import { getAddress, type JsonRpcProvider, type Result } from "ethers";
import { groupAbi } from "../../../client/abi.ts";
import { CommitteeReader } from "../../../client/committee-view.ts";
import { membershipsFrom, seatsOf, type Seat } from "../../../client/seats.ts";
import { callView } from "../../../client/view-call.ts";
import type { KeeperConfig } from "../../../keeper/config.ts";
import { counted } from "../../../protocol/counted.ts";
import type { Certifying } from "../../../protocol/funds.ts";
import { fail, ok, warn, type CheckItem } from "../../console/check-item.ts";
import { exitCodes } from "../../console/exit.ts";

const name = "seats";

export type CheckedSeats = {
  readonly items: readonly CheckItem[];
  /** Committees in which this keeper is a member now. */
  readonly seats: readonly Seat[];
  /** What the next certificate of each of them settles. */
  readonly certifying: readonly Certifying[];
};

export async function checkSeats(
  { chain }: KeeperConfig,
  provider: JsonRpcProvider,
  operator: string,
): Promise<CheckedSeats> {
  const none = { seats: [], certifying: [] };
  if (chain.factories.length === 0) {
    const remedy = "add the address of the UpkeepingFactory contract to chain.factories";
    return {
      items: [fail(name, "no factory is configured, so none is followed", remedy, exitCodes.usage)],
      ...none,
    };
  }
  const all = await seatsOf(provider, { ...chain, operator });
  const seats = all.filter(({ index }) => index !== undefined);
  if (seats.length === 0) {
    const remedy = "ask a committee's convener for a seat, then: whitepay committee join";
    return { items: [warn(name, "this keeper has no seat in a committee", remedy)], ...none };
  }
  const certifying = await Promise.all(seats.map((seat) => certifyingOf(provider, seat)));
  return { items: seats.map((seat, i) => itemOf(seat, certifying[i] as Certifying)), seats, certifying };
}

function itemOf({ committee, formed, index, version }: Seat, { groups, providers }: Certifying): CheckItem {
  if (formed) {
    const serves = `serves ${counted(groups, "group")} with ${counted(providers, "provider")}`;
    return ok(name, `seat ${index} of ${version.operators.length} in ${committee}, which ${serves}`);
  }
  const missing = version.operators.filter((_, seat) => !version.consented.includes(seat)).map(getAddress);
  const found = `seat ${index} in ${committee}, which waits for ${counted(missing.length, "consent")}`;
  return warn(name, found, `ask these keepers to accept: ${missing.join(", ")}`);
}

/** Groups of which a block is not certified, and their providers. */
async function certifyingOf(provider: JsonRpcProvider, { committee, version }: Seat): Promise<Certifying> {
  const members = version.operators.length;
  const through = await new CommitteeReader(provider, committee).certifiedThrough();
  const memberships = await membershipsFrom(provider, committee, through);
  const listed = await Promise.all(
    memberships.map(async ({ group }) => {
      const [state] = (await callView(provider, {
        what: "group",
        abi: groupAbi,
        address: group,
        name: "state",
      })) as unknown as [Result];
      return Number(state["listed"]);
    }),
  );
  return { members, groups: memberships.length, providers: listed.reduce((sum, one) => sum + one, 0) };
}
