/** What a group lacks so that a provider that asks for nothing can be in it: keepers work for its fee (R38, R41). */
import type { Provider } from "ethers";
import { CommitteeReader } from "../../../client/committee-view.ts";
import { GroupView, type GroupAt } from "../../../client/group-view.ts";
import { readToken } from "../../../client/token.ts";
import { formatAmount } from "../../../client/units.ts";
import { counted } from "../../../protocol/counted.ts";

/** Sentences; none if nothing is missing. */
export async function missingMoney(provider: Provider, group: GroupAt, operator: string): Promise<string[]> {
  const view = new GroupView(provider, group);
  const [{ config, state, escrow, payer }, index, until, head] = await Promise.all([
    view.page(),
    view.providerOf(operator),
    view.fundedUntil(),
    provider.getBlockNumber(),
  ]);
  const token = await readToken(provider, config.token);
  const fund = `anybody may fund it: whitepay group fund AMOUNT --group ${group.address}`;
  const service = state.next ?? state.service;
  if (service === undefined) {
    const fee = `${formatAmount(config.keeperFee, token)} per reserved provider and 65,536 blocks`;
    return [
      `no committee serves the group, so nobody proves its files: its payer ${payer} enters one (group enter). An open committee takes only a group whose fee reaches its least, and whose escrow carries it; the group's fee is ${fee}, its escrow has ${formatAmount(escrow.available, token)}; ${fund}`,
    ];
  }
  const notes: string[] = [];
  const { leastKeeperFee } = await new CommitteeReader(provider, service.committee).terms();
  if (config.keeperFee < leastKeeperFee) {
    notes.push(
      `the committee asks for a fee of at least ${formatAmount(leastKeeperFee, token)}, the group has ${formatAmount(config.keeperFee, token)}: a group's fee is fixed, so the payer makes another group`,
    );
  }
  if (index === undefined && state.listed >= service.ceiling) {
    notes.push(
      `the group reserved ${counted(service.ceiling, "provider")}, and has as many: its payer ${payer} reserves more (group raise-ceiling)`,
    );
  }
  if (escrow.available < escrow.required) {
    const lacks = formatAmount(escrow.required - escrow.available, token);
    notes.push(`the escrow lacks ${lacks} of what the keepers are paid from; ${fund}`);
  } else if (until !== undefined && until <= head + config.lockup) {
    notes.push(`the keepers are paid until block ${until}, in ${counted(until - head, "block")}; ${fund}`);
  }
  return notes;
}
