/** Checks the key files and the password file. */
import { describeKeys, openKeys, readPasswordFile } from "../../../daemon/keys/keystore.ts";
import type { KeySecrets } from "../../../daemon/keys/keystore.ts";
import type { KeeperConfig } from "../../../keeper/config.ts";
import { fail, ok, warn, type CheckItem } from "../../console/check-item.ts";
import { exitCodes } from "../../console/exit.ts";

export type CheckedKeys = {
  readonly items: CheckItem[];
  /** Address; undefined if the key files cannot be read. */
  readonly operator: string | undefined;
  /** Present if the password file opens the keys. */
  readonly secrets?: KeySecrets;
};

export async function checkKeys(config: KeeperConfig): Promise<CheckedKeys> {
  const name = "keys";
  try {
    const keys = await describeKeys(config.keys);
    const operator = keys.find((key) => key.name === "operator")?.public;
    const light = keys.filter((key) => key.light).map((key) => key.name);
    const { passwordFile } = config;
    if (passwordFile === undefined) {
      return {
        items: [
          warn(name, `${config.keys}; not opened`, "set passwordFile, or type the password at each start"),
        ],
        operator,
      };
    }
    const secrets = await openKeys(config.keys, await readPasswordFile(passwordFile));
    const found = `${config.keys} opens with the password file`;
    if (light.length === 0) return { items: [ok(name, found)], operator, secrets };
    const weak = `${found}; light: ${light.join(", ")}`;
    return { items: [warn(name, weak, "use keys of full strength outside a devnet")], operator, secrets };
  } catch (error) {
    return {
      items: [
        fail(
          name,
          (error as Error).message,
          "correct keys and passwordFile, or restore the files",
          exitCodes.usage,
        ),
      ],
      operator: undefined,
    };
  }
}
