/** Checks whether the operator's coin covers the next certificates. */
import { formatEther, formatUnits, type JsonRpcProvider } from "ethers";
import { measureFees } from "../../../client/fees.ts";
import { feeLimitsOf } from "../../../keeper/config.ts";
import type { KeeperConfig } from "../../../keeper/config.ts";
import { counted } from "../../../protocol/counted.ts";
import { balanceFor, certificatesLeft, gasOf, largestOf } from "../../../protocol/funds.ts";
import type { Certifying } from "../../../protocol/funds.ts";
import { fail, ok, warn, type CheckItem } from "../../console/check-item.ts";
import { exitCodes } from "../../console/exit.ts";

/** Fewer certificates than this are a warning. */
const fundedCertificates = 15n;

type Account = { readonly operator: string; readonly certifying: readonly Certifying[] };

export async function checkFunds(
  config: KeeperConfig,
  provider: JsonRpcProvider,
  { operator, certifying }: Account,
): Promise<CheckItem> {
  const largest = largestOf(certifying);
  const limits = feeLimitsOf(config);
  const { market, l1Fee, gasPrice } = await measureFees(provider, largest, limits);
  const account = { balance: await provider.getBalance(operator), market, limits, l1Fee };
  const covered = certificatesLeft(account, largest);
  const data = l1Fee === 0n ? "" : ` and ${formatUnits(l1Fee, "gwei")} gwei for its data`;
  const each = `${gasOf(largest)} gas at ${formatUnits(gasPrice, "gwei")} gwei${data}`;
  const found = `${formatEther(account.balance)} for ${counted(covered, "certificate")} of ${each}`;
  if (covered >= fundedCertificates) return ok("funds", found);
  const missing = balanceFor(fundedCertificates, account, largest) - account.balance;
  const remedy = `send at least ${formatEther(missing)} more to ${operator}, for ${counted(fundedCertificates, "certificate")}`;
  return covered === 0n ? fail("funds", found, remedy, exitCodes.funds) : warn("funds", found, remedy);
}
