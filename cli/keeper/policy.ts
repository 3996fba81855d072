/** The operator's policy: which committees it consents to (R39). */
import { formatAmount } from "../../client/units.ts";
import { readToken } from "../../client/token.ts";
import type { Terms } from "../../client/committee-view.ts";
import type { Provider } from "ethers";
import type { KeeperConfig } from "../../keeper/config.ts";
import { counted } from "../../protocol/counted.ts";
import { usageError } from "../console/exit.ts";

type Breach = { readonly expected: string; readonly actual: string };

/**
 * A consent binds this keeper to serve every group that meets the terms.
 * @throws CliError exit 2 with the first term that the policy does not allow
 */
export async function checkPolicy(
  provider: Provider,
  { policy }: Pick<KeeperConfig, "policy">,
  terms: Terms,
): Promise<void> {
  const breach = await breachOf(provider, policy, terms);
  if (breach === undefined) return;
  throw usageError("the committee's terms are outside of this keeper's policy", {
    ...breach,
    hint: "change policy in the config file, or consent all the same: --any-terms",
  });
}

async function breachOf(
  provider: Provider,
  { tokens, leastKeeperFee, mostProviders }: KeeperConfig["policy"],
  terms: Terms,
): Promise<Breach | undefined> {
  if (tokens.length > 0 && !tokens.some((token) => BigInt(token) === BigInt(terms.token))) {
    return { expected: `a token of policy.tokens: ${tokens.join(", ")}`, actual: terms.token };
  }
  const least = BigInt(leastKeeperFee);
  if (terms.leastKeeperFee < least) {
    const token = await readToken(provider, terms.token);
    const fee = (units: bigint): string => `${units} (${formatAmount(units, token)})`;
    return {
      expected: `a least fee of ${fee(least)} or more (policy.leastKeeperFee)`,
      actual: fee(terms.leastKeeperFee),
    };
  }
  if (mostProviders !== undefined && terms.mostProviders > mostProviders) {
    return {
      expected: `at most ${counted(mostProviders, "provider")} in all groups (policy.mostProviders)`,
      actual: counted(terms.mostProviders, "provider"),
    };
  }
  return undefined;
}
