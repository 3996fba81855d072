/** R23, S6: the first event of a state machine is the content of its store. */
import type { Hex } from "../../protocol/hash.ts";
import { step } from "../core/machine.ts";
import { initialState } from "../core/state.ts";
import type { Config, KeeperState } from "../core/state.ts";
import type { StorePort } from "../ports/store.ts";

export async function recover(committee: Hex, config: Config, store: StorePort): Promise<KeeperState> {
  const restored = await store.load(committee);
  return step(initialState(), restored, config).state;
}
