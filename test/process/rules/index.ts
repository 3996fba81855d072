/** The judge of a committee's run on the chain. Written from the rules, without the keepers' code. */
import type { ChainRun } from "../../support/fleet/chain-run.ts";
import { checkAgreement } from "./agreement.ts";
import { checkMoney } from "./money.ts";
import type { Honest } from "./money.ts";
import { checkScopes } from "./scope.ts";

/** All violated rules as text; empty if all hold. */
export function complaintsAbout(run: ChainRun, isHonest: Honest = () => true): string[] {
  const complaints: string[] = [];
  const complain = (text: string): void => void complaints.push(text);
  checkAgreement(run, complain);
  checkScopes(run, complain);
  checkMoney(run, isHonest, complain);
  return complaints;
}
