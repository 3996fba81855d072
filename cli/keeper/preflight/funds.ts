/** Checks whether the operator's coin covers the next settlements. */
import { Contract, formatEther, formatUnits, type JsonRpcProvider } from "ethers";
import { groupAbi } from "../../../client/abi.ts";
import { measureFees } from "../../../client/fees.ts";
import { expectContract } from "../../../client/missing-contract.ts";
import { feeLimitsOf } from "../../../keeper/config.ts";
import type { KeeperConfig } from "../../../keeper/config.ts";
import { balanceFor, settlementGas, settlementsLeft } from "../../../protocol/fees.ts";
import { fail, ok, warn, type CheckItem } from "../../console/check-item.ts";
import { exitCodes } from "../../console/exit.ts";
import { counted } from "../../../protocol/counted.ts";

/** Fewer settlements than this are a warning. */
const fundedSettlements = 15n;

/** Sizes of the largest configured group. */
async function largestGroup(
  { groups }: KeeperConfig,
  provider: JsonRpcProvider,
): Promise<{ readonly keepers: number; readonly providers: number }> {
  let [keepers, providers] = [4, 1];
  for (const group of groups) {
    if ((await provider.getCode(group)) === "0x") continue;
    const contract = new Contract(group, groupAbi, provider);
    const [{ listedProviders }, { operators }] = await expectContract("group", group, () =>
      Promise.all([contract.getFunction("state")(), contract.getFunction("committee")()]),
    );
    providers = Math.max(providers, Number(listedProviders));
    keepers = Math.max(keepers, operators.length);
  }
  return { keepers, providers };
}

export async function checkFunds(
  config: KeeperConfig,
  provider: JsonRpcProvider,
  me: string,
): Promise<CheckItem> {
  const { keepers, providers } = await largestGroup(config, provider);
  const limits = feeLimitsOf(config);
  const { market, l1Fee, gasPrice } = await measureFees(provider, providers, limits);
  const account = { balance: await provider.getBalance(me), market, limits, l1Fee };
  const covered = settlementsLeft(account, keepers, providers);
  const data = l1Fee === 0n ? "" : ` and ${formatUnits(l1Fee, "gwei")} gwei for its data`;
  const each = `${settlementGas(keepers, providers)} gas at ${formatUnits(gasPrice, "gwei")} gwei${data}`;
  const found = `${formatEther(account.balance)} for ${counted(covered, "settlement")} of ${each}`;
  if (covered >= fundedSettlements) return ok("funds", found);
  const missing = balanceFor(fundedSettlements, account, keepers, providers) - account.balance;
  const remedy = `send at least ${formatEther(missing)} more to ${me}, for ${counted(fundedSettlements, "settlement")}`;
  return covered === 0n ? fail("funds", found, remedy, exitCodes.funds) : warn("funds", found, remedy);
}
