/** The devnet's payer: an account with coin and tokens, its key file, and a configuration for the commands of payers. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Wallet } from "ethers";
import { stringify } from "yaml";
import { sealKey } from "../../daemon/keys/keystore.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Base } from "../fleet/build.ts";
import { fundOperators } from "../fleet/setup.ts";

/** Token units: a million tokens of 18 decimals. */
const money = 10n ** 24n;
/** Password of a key without value, which is used only on this chain. */
const password = "devnet";

/** Returns the path of payer.yaml. */
export async function makePayer(folder: string, base: Base): Promise<string> {
  const { provider, deployment, rpc, chainId, registry, factory, lens } = base;
  const own = join(folder, "payer");
  await mkdir(own, { mode: 0o700 });
  const { address, privateKey } = Wallet.createRandom();
  await fundOperators(provider, [address]);
  await (await deployment.token.getFunction("mint")(address, money)).wait();
  const [key, passwordFile, config] = ["payer.json", "password", "payer.yaml"].map((name) =>
    join(own, name),
  ) as [string, string, string];
  await writeFile(key, await sealKey("operator", privateKey as Hex, password, "light"), { mode: 0o600 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  const chain = { id: chainId, rpc: [rpc], registry, factory, lens };
  await writeFile(config, stringify({ chain, key, passwordFile }), { mode: 0o600 });
  return config;
}
