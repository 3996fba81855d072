/**
 * Every line of the simulator names a group by its index in the scenario. Keepers and certificates know its number in a committee (R38),
 * which begins at 1 in every committee.
 */
import type { Hex } from "../protocol/hash.ts";
import type { ChainModel } from "./chain/chain-model.ts";
import { indexOfAddress } from "./chain/snapshots.ts";

/** "group 0". */
export function groupName(chain: ChainModel, committee: number, number: number): string {
  const index = chain.committeeAt(committee).membership(number)?.group;
  return index === undefined ? `no group (number ${number} of committee ${committee})` : `group ${index}`;
}

/** A keeper's note about a committee, with the numbers of groups replaced. */
export function noteInScenario(chain: ChainModel, committee: string, note: string): string {
  if (committee === "") return note;
  return note.replaceAll(/\bgroup (\d+), provider/g, (_text, number: string) => {
    const name = groupName(chain, indexOfAddress(committee as Hex), Number(number));
    return `${name}, provider`;
  });
}
