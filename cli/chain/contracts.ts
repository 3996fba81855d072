/** The contracts of a configuration, for commands that look at everything a factory made. */
import type { JsonRpcProvider } from "ethers";
import { registryOf } from "../../client/group-plans.ts";
import type { RecordsAt } from "../../client/records.ts";
import type { Payer } from "./account.ts";

/** The registry is the factory's own. */
export async function contractsOf(provider: JsonRpcProvider, payer: Payer): Promise<RecordsAt> {
  const factory = payer.need("chain.factory");
  return { factory, registry: await registryOf(provider, factory), lens: payer.need("chain.lens") };
}
