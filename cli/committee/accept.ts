/** `whitepay committee join|accept`: a keeper consents to be a member of a committee, by a transaction or a signature (R37). */
import type { Command } from "commander";
import { z } from "zod";
import { planConsent } from "../../client/committee-plans.ts";
import { CommitteeReader } from "../../client/committee-view.ts";
import { signFirstConsent, signVersionConsent, type CommitteeDraft } from "../../client/member-consents.ts";
import { addressText as address } from "../../daemon/settings/address.ts";
import { usageError } from "../console/exit.ts";
import { amount, readJsonInput, wholeNumber } from "../console/json-input.ts";
import { addressOption, integerOption, jsonOption } from "../console/options.ts";
import { printJson } from "../console/output.ts";
import { moneyOptions, transact } from "../chain/transact.ts";
import type { MoneyFlags } from "../chain/transact.ts";
import type { ConfigOptions } from "../keeper/context.ts";
import {
  asKeeperFailure,
  configOptions,
  loadConfig,
  withKeeper,
  type KeeperAccount,
} from "../keeper/context.ts";
import { checkPolicy } from "../keeper/policy.ts";

type AcceptOptions = ConfigOptions &
  MoneyFlags & {
    readonly draft?: string;
    readonly sign?: boolean;
    readonly deadline: number;
    readonly json?: boolean;
  };

const draftSchema = z.strictObject({
  factory: address,
  convener: address,
  rhythm: z.strictObject({
    interval: wholeNumber(1),
    turn: wholeNumber(1),
    slot: wholeNumber(1),
    answer: wholeNumber(0),
    confirmations: wholeNumber(0),
    toleranceBps: wholeNumber(0, 10_000),
  }),
  terms: z.strictObject({
    token: address,
    leastKeeperFee: amount,
    leastKeeperShareBps: wholeNumber(0, 10_000),
    mostProviders: wholeNumber(1),
    open: z.boolean(),
  }),
  operators: z.array(address).min(4).max(124),
  /** The address that it had when the draft was printed. */
  committee: address.optional(),
});

const deadlineOption = integerOption("--deadline", { min: 1, max: 10_000_000 });

async function consentOptions(command: Command): Promise<Command> {
  command
    .option("--sign", "print a signed consent, which any account may send (group hand-in-consent)")
    .option("--deadline <blocks>", "blocks for which a signed consent counts", deadlineOption, 50_000)
    .option("--any-terms", "consent to terms outside of the policy");
  return configOptions(jsonOption(moneyOptions(command)));
}

export async function registerJoin(committee: Command): Promise<void> {
  const command = committee
    .command("join")
    .description(
      "consent to be one of the first members of a committee, or of a draft by signature; its terms must be within the policy of the config",
    )
    .argument("[committee]", "the committee's address; not with --draft", addressOption("[committee]"))
    .option(
      "--draft <file>",
      "sign the committee of this file (committee create --draft, group draft), which is to be made; send nothing",
    );
  (await consentOptions(command)).action((address: string | undefined, options: AcceptOptions) =>
    asKeeperFailure(() => join(address, options)),
  );
}

export async function registerAccept(committee: Command): Promise<void> {
  const command = committee
    .command("accept")
    .description(
      "consent to a proposed version of a committee, as its new member or as a present one; the terms must be within the policy of the config",
    )
    .argument("<committee>", "the committee's address", addressOption("<committee>"))
    .requiredOption(
      "--version <n>",
      "version to consent to (committee show lists proposals)",
      integerOption("--version", { min: 2 }) as never,
    );
  (await consentOptions(command)).action(
    (address: string, options: AcceptOptions & { readonly version: number }) =>
      asKeeperFailure(async () => {
        const { config } = await loadConfig(options);
        await withKeeper(config, (account) =>
          consent(account, { committee: address, version: options.version }, options),
        );
      }),
  );
}

async function join(committee: string | undefined, options: AcceptOptions): Promise<void> {
  if ((committee === undefined) === (options.draft === undefined)) {
    throw usageError("expected either a committee or --draft");
  }
  const { config } = await loadConfig(options);
  await withKeeper(config, async (account) => {
    if (options.draft !== undefined) {
      return signDraft(account, options, options.draft);
    }
    if (committee !== undefined) await consent(account, { committee, version: 1 }, options);
  });
}

/** The last block in which a signed consent counts. */
async function lastBlock({ provider }: KeeperAccount, { deadline }: AcceptOptions): Promise<number> {
  return (await provider.getBlockNumber()) + deadline;
}

async function consent(
  account: KeeperAccount,
  { committee, version }: { readonly committee: string; readonly version: number },
  options: AcceptOptions,
): Promise<void> {
  if (options.anyTerms !== true) {
    const terms = await new CommitteeReader(account.provider, committee).terms();
    await checkPolicy(account.provider, account.config, terms);
  }
  if (options.sign === true) {
    const deadline = await lastBlock(account, options);
    return printJson(await signVersionConsent(account.signer, committee, { version, deadline }));
  }
  const plan = await planConsent(account.signer, committee, version);
  const report = await transact(plan, account.signer, options);
  if (options.json === true) printJson({ committee, version, transactions: [report] });
}

/** @throws CliError exit 2 if the draft has another address by now */
async function signDraft(account: KeeperAccount, options: AcceptOptions, file: string): Promise<void> {
  const { config, provider, signer } = account;
  const { committee, ...draft } = await readJsonInput(file, draftSchema);
  if (options.anyTerms !== true) await checkPolicy(provider, config, draft.terms);
  const deadline = await lastBlock(account, options);
  const consent = await signFirstConsent(signer, draft satisfies CommitteeDraft, { deadline });
  if (committee !== undefined && committee.toLowerCase() !== consent.committee.toLowerCase()) {
    throw usageError("the committee of the draft would have another address by now", {
      expected: committee,
      actual: consent.committee,
      hint: "a keeper rotated its key, or the convener made another committee: ask for a new draft",
    });
  }
  printJson(consent);
}
