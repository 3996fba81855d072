/** The chain's side of storing: a group that is made, funded and entered, and the providers' consents. Each step looks at the chain first, so that it is never done twice. */
import { planEnter, planGroup, planRaiseCeiling } from "../../client/group-plans.ts";
import { GroupView, type GroupAt } from "../../client/group-view.ts";
import { planFund, planSendAhead } from "../../client/money-plans.ts";
import { planAddProvider, planChangeData, type DataConsent } from "../../client/provider-plans.ts";
import { readToken, tokenBalance } from "../../client/token.ts";
import { send, type TransactionPlan } from "../../client/transactions.ts";
import { say } from "../console/output.ts";
import type { WritingSession } from "./session.ts";
import type { StoreWork } from "./state.ts";

/** A call needs less than 400,000 gas, a transaction may use 16 million. */
const callsAtOnce = 32;

/** Sends one transaction, and returns when it is in a block. */
export async function sendStep({ signer }: WritingSession, plan: TransactionPlan): Promise<void> {
  const report = await send(plan, signer);
  await signer.settlePending();
  say(`${plan.what}: block ${report.block}, ${report.gasUsed} gas`);
}

/** The group of the work, funded and in its committee. */
export async function prepareGroup(session: WritingSession, work: StoreWork): Promise<GroupAt> {
  const { provider, signer, lens, factory } = session;
  const group = { address: work.group, lens };
  const token = await readToken(provider, work.config.token);
  const isCoin = BigInt(token.address) === 0n;
  const target = BigInt(work.depositedThen);
  if ((await provider.getCode(work.group)) === "0x") {
    const config = { ...work.config, keeperFee: BigInt(work.config.keeperFee) };
    const made = { factory, config, committee: work.committee };
    if (isCoin) await sendStep(session, await planGroup(signer, made));
    else {
      const ahead = target - (await tokenBalance(provider, token, work.group));
      if (ahead > 0n) {
        const money = { token: token.address, group: work.group, amount: ahead };
        await sendStep(session, await planSendAhead(signer, money));
      }
      await sendStep(session, await planGroup(signer, made, work.ceiling));
    }
  }
  const view = new GroupView(provider, group);
  const { escrow } = await view.page();
  const missing = target - escrow.deposited;
  if (missing > 0n) for (const plan of await planFund(signer, group, missing)) await sendStep(session, plan);
  const { state } = await view.page();
  if (state.service === undefined) {
    const { committee, ceiling } = work;
    await sendStep(session, await planEnter(signer, group, { committee, ceiling }));
  } else if (state.service.ceiling < work.ceiling) {
    await sendStep(session, await planRaiseCeiling(signer, group, work.ceiling));
  }
  return group;
}

/** Adds the providers, or changes their data. One function for all, so that one transaction can carry them. */
export async function useConsents(
  session: WritingSession,
  group: GroupAt,
  consents: readonly DataConsent[],
): Promise<void> {
  const { signer, provider } = session;
  const view = new GroupView(provider, group);
  const present = new Set(
    (await view.providers()).filter(({ closed }) => !closed).map(({ operator }) => operator.toLowerCase()),
  );
  const plans = await Promise.all(
    consents.map((consent) => {
      const plan = present.has(consent.operator.toLowerCase()) ? planChangeData : planAddProvider;
      return plan(signer, group, consent);
    }),
  );
  for (let first = 0; first < plans.length; first += callsAtOnce) {
    await sendStep(session, together(plans.slice(first, first + callsAtOnce)));
  }
}

/** One transaction for several calls of a group: all take effect, or none. */
function together(plans: readonly TransactionPlan[]): TransactionPlan {
  const [first] = plans;
  if (first === undefined || plans.length === 1) return first as TransactionPlan;
  const calls = plans.map(({ contract, method, args }) =>
    contract.interface.encodeFunctionData(method, args),
  );
  return {
    ...first,
    what: plans.map(({ what }) => what).join(", "),
    method: "multicall",
    args: [calls],
    shows: plans.flatMap(({ shows = [] }) => shows),
  };
}
