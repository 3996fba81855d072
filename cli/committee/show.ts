/** `whitepay committee list|show|terms`: committees as the chain has them; no key. */
import type { Command } from "commander";
import type { JsonRpcProvider } from "ethers";
import { termsText } from "../../client/committee-plans.ts";
import { CommitteeView, type CommitteePage, type CommitteeVersion } from "../../client/committee-view.ts";
import { madeBy } from "../../client/committees.ts";
import { readToken } from "../../client/token.ts";
import { formatAmount } from "../../client/units.ts";
import { counted } from "../../protocol/counted.ts";
import { payerOptions, withChain, type Payer, type PayerOptions } from "../chain/account.ts";
import { contractsOf } from "../chain/contracts.ts";
import { columns } from "../console/columns.ts";
import { addressOption, choiceOption, jsonOption } from "../console/options.ts";
import { printJson, printLine } from "../console/output.ts";

const orders = ["fee", "record"] as const;
type ListOptions = PayerOptions & { readonly sort: (typeof orders)[number] };

export function registerShow(committee: Command): void {
  registerList(committee);
  const show = committee
    .command("show")
    .description("show members, terms, versions and groups of a committee; needs no key")
    .argument("<committee>", "the committee's address", addressOption("<committee>"));
  payerOptions(jsonOption(show)).action((address: string, options: PayerOptions) =>
    withChain(options, async (provider, payer) => {
      const shown = await read(provider, { address, lens: payer.need("chain.lens") });
      if (options.json === true) return printJson(shown);
      await print(provider, shown);
    }),
  );
  const terms = committee
    .command("terms")
    .description("show what a group must offer to enter a committee; needs no key")
    .argument("<committee>", "the committee's address", addressOption("<committee>"));
  payerOptions(jsonOption(terms)).action((address: string, options: PayerOptions) =>
    withChain(options, (provider, payer) => printTerms(provider, payer, address, options)),
  );
}

function registerList(committee: Command): void {
  const list = committee
    .command("list")
    .description("list the committees of the factory, with terms and record; needs no key")
    .option("--sort <order>", orders.join(" | "), choiceOption("--sort", orders), "fee");
  payerOptions(jsonOption(list)).action((options: ListOptions) =>
    withChain(options, async (provider, payer) => {
      const at = await contractsOf(provider, payer);
      const { committees } = await madeBy(provider, at);
      const found: Shown[] = [];
      for (const { address } of committees) found.push(await read(provider, { address, lens: at.lens }));
      found.sort(orderOf[options.sort]);
      if (options.json === true) return printJson({ committees: found });
      if (found.length === 0) return printLine("no committee");
      const head = await provider.getBlockNumber();
      const rows = await Promise.all(found.map((one) => rowOf(provider, one, head)));
      printLine(
        columns([
          ["committee", "keepers", "token", "least fee", "share", "free providers", "groups", "certified"],
          ...rows,
        ]),
      );
    }),
  );
}

type Shown = CommitteePage & {
  readonly groups: readonly { readonly number: number; readonly group: string; readonly ceiling: number }[];
  /** Not complete, and newer than the version in force. */
  readonly proposals: readonly CommitteeVersion[];
};

const orderOf: Readonly<Record<(typeof orders)[number], (a: Shown, b: Shown) => number>> = {
  fee: (a, b) =>
    Number(a.terms.leastKeeperFee > b.terms.leastKeeperFee) -
    Number(a.terms.leastKeeperFee < b.terms.leastKeeperFee),
  record: (a, b) => b.certifiedThrough - a.certifiedThrough || b.groups.length - a.groups.length,
};

async function read(
  provider: JsonRpcProvider,
  at: { readonly address: string; readonly lens: string },
): Promise<Shown> {
  const view = new CommitteeView(provider, at);
  const head = await provider.getBlockNumber();
  const page = await view.page(head);
  const groups: Shown["groups"][number][] = [];
  for await (const memberships of view.memberships(head)) {
    for (const { number, group, ceiling, left } of memberships) {
      if (left === undefined || left > head) groups.push({ number, group, ceiling });
    }
  }
  const proposals: CommitteeVersion[] = [];
  for await (const versions of view.versions(head)) {
    const open = versions.filter(({ version, completedAt, base }) => {
      return completedAt === undefined && version > page.version.version && base === page.version.version;
    });
    proposals.push(...open);
  }
  return { ...page, groups, proposals };
}

const isFormed = ({ originBlock }: Shown): boolean => originBlock !== undefined;
/** Through its origin nothing had to be certified (R5). */
const hasCertified = ({ originBlock, certifiedThrough }: Shown): boolean =>
  certifiedThrough > (originBlock ?? 0);

async function rowOf(provider: JsonRpcProvider, one: Shown, head: number): Promise<string[]> {
  const { address, size, terms, reserved, groups, certifiedThrough } = one;
  const token = await readToken(provider, terms.token);
  const certified = !hasCertified(one) ? "never" : counted(head - certifiedThrough, "block") + " ago";
  return [
    address,
    isFormed(one) ? String(size) : `${size} (${size - one.version.consented.length} to consent)`,
    token.symbol,
    formatAmount(terms.leastKeeperFee, token),
    `${terms.leastKeeperShareBps / 100} %`,
    `${terms.mostProviders - reserved}${terms.open ? "" : ", by invitation"}`,
    String(groups.length),
    isFormed(one) ? certified : "not formed",
  ];
}

async function print(provider: JsonRpcProvider, one: Shown): Promise<void> {
  const { address, convener, rhythm, terms, originBlock, certifiedThrough, version, waiting, resigned } = one;
  const { interval, turn, slot, answer, confirmations, toleranceBps } = rhythm;
  printLine(`committee  ${address}, convener ${convener}`);
  printLine(`terms      ${await termsText(provider, terms)}`);
  printLine(
    `blocks     interval ${interval}, turn ${turn}, slot ${slot}, answer ${answer}, confirmations ${confirmations}; tolerance ${toleranceBps / 100} %`,
  );
  printLine(
    originBlock === undefined
      ? `state      waits for ${counted(one.size - version.consented.length, "consent")}`
      : `state      formed in block ${originBlock}, ${hasCertified(one) ? `certified through block ${certifiedThrough}` : "nothing certified yet"}`,
  );
  printLine(`reserved   ${one.reserved} of ${counted(terms.mostProviders, "provider")}`);
  for (const [index, operator] of version.operators.entries()) {
    const missing = originBlock === undefined && !version.consented.includes(index);
    const note = missing ? ", has not consented" : resigned.includes(index) ? ", resigned" : "";
    printLine(`keeper ${String(index).padEnd(3)} ${operator}${note}`);
  }
  if (waiting !== undefined)
    printLine(`next       version ${waiting.version} takes effect with the next certificate`);
  for (const { version: number, proposer, consented, operators } of one.proposals) {
    printLine(
      `proposal   version ${number} by ${proposer}, ${counted(consented.length, "consent")}: ${operators.join(", ")}`,
    );
  }
  for (const { number, group, ceiling } of one.groups) {
    printLine(`group ${String(number).padEnd(4)} ${group}, ${counted(ceiling, "provider")} reserved`);
  }
}

async function printTerms(
  provider: JsonRpcProvider,
  payer: Payer,
  address: string,
  options: PayerOptions,
): Promise<void> {
  const { terms, reserved, rhythm, size } = await new CommitteeView(provider, {
    address,
    lens: payer.need("chain.lens"),
  }).page();
  // R4: h + (f+1)·t.
  const leastLockup = rhythm.interval + (Math.floor((size - 1) / 3) + 1) * rhythm.turn;
  const freeProviders = terms.mostProviders - reserved;
  if (options.json === true) return printJson({ committee: address, ...terms, freeProviders, leastLockup });
  printLine(await termsText(provider, terms));
  printLine(
    `${counted(freeProviders, "provider")} of these can still be reserved; lockup at least ${counted(leastLockup, "block")}`,
  );
}
