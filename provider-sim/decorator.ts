/** Injects faults into a provider's daemon. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { ProviderConfig } from "../provider/config.ts";
import type { ProviderDecorator } from "../provider/responder.ts";
import { faultReader } from "./fault-file.ts";
import { withFaults, withReadFaults, withStoreFaults } from "./faults.ts";

/** Reads before each answer the faults that `provider-sim fault` wrote into the data folder. */
export function faultDecorator(config: ProviderConfig, log: Logger): ProviderDecorator {
  const faults = faultReader(config.dataDir, (text) => log.warn(text));
  return {
    challenge: (respond) => withFaults(respond, { faults, sleep: (delay_ms) => sleep(delay_ms) }),
    retrieve: (respond) => withReadFaults(respond, { faults }),
    store: (respond) => withStoreFaults(respond, { faults }),
    online: async () => !(await faults()).some(({ kind }) => kind === "offline"),
  };
}
