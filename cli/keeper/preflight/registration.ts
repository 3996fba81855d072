/** Checks the registry entry against the keys and addresses of the configuration. */
import type { JsonRpcProvider } from "ethers";
import { publicKeyOf } from "../../../client/bls.ts";
import { registeredKeeper, registryAt } from "../../../client/registry.ts";
import { peerIdBytes } from "../../../daemon/keys/generate.ts";
import type { KeeperConfig } from "../../../keeper/config.ts";
import { fail, ok, warn, type CheckItem } from "../../console/check-item.ts";
import { exitCodes } from "../../console/exit.ts";
import { addressesToRegister } from "../registered-addresses.ts";
import type { CheckedKeys } from "./keys.ts";

export async function checkRegistration(
  config: KeeperConfig,
  provider: JsonRpcProvider,
  { operator: me = "", secrets }: CheckedKeys,
): Promise<CheckItem> {
  const name = "registry";
  if ((await provider.getCode(config.chain.registry)) === "0x") {
    return fail(name, `no contract at ${config.chain.registry}`, "correct chain.registry", exitCodes.usage);
  }
  const entry = await registeredKeeper(registryAt(config.chain.registry, provider), me);
  const { registeredAt, multiaddrs } = entry;
  if (registeredAt === 0) return fail(name, `${me} is not registered`, "whitepay keeper register");
  if (secrets !== undefined && entry.blsKey !== publicKeyOf(secrets.bls)) {
    const remedy = "restore the key file, or register this key: whitepay keeper register --rotate-key";
    return fail(name, "the registered BLS key differs from the key file", remedy);
  }
  if (secrets !== undefined && entry.peerId !== (await peerIdBytes(secrets.peer))) {
    return fail(
      name,
      "the registered peer key differs from the key file",
      "update it: whitepay keeper register",
    );
  }
  const own = await addressesToRegister(config, secrets?.peer);
  const same = JSON.stringify(own) === JSON.stringify(multiaddrs);
  const found = `registered at ${multiaddrs.join(", ")}`;
  return same
    ? ok(name, found)
    : warn(name, found, `the config has ${own.join(", ")}; update the entry: whitepay keeper register`);
}
