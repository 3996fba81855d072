/** `whitepay keeper attest URL`: verifies the contributions of a running ceremony, and signs those that hold (R48). */
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { isAway, RemoteCeremony } from "../ceremony/remote.ts";
import { attestContribution, unsigned } from "../ceremony/attesting.ts";
import type { Attester } from "../ceremony/attesting.ts";
import { ceremonyTools } from "../ceremony/files.ts";
import { attestingMembers } from "../../client/contribution.ts";
import { stopSignals } from "../../daemon/stop-signals.ts";
import { usageError } from "../console/exit.ts";
import { hexOption, jsonOption } from "../console/options.ts";
import { printJson, say } from "../console/output.ts";
import type { ConfigOptions } from "./context.ts";
import { asKeeperFailure, configOptions, loadConfig, withKeeper } from "./context.ts";
import type { KeeperAccount } from "./context.ts";

type AttestOptions = ConfigOptions & {
  readonly ceremony?: string;
  readonly work?: string;
  readonly follow?: true;
};

/** A slot takes minutes or hours; the log is asked for again after this time. */
const poll_ms = 10_000;

export async function registerAttest(keeper: Command): Promise<void> {
  const command = keeper
    .command("attest")
    .description(
      "verify the contributions of a ceremony that names this keeper's committee, and sign those that hold (R48)",
    )
    .argument("<url>", "the ceremony's service")
    .option("--ceremony <id>", "the ceremony's id: another one is refused", hexOption("--ceremony", 32))
    .option("--work <dir>", "folder for the files of one contribution (default: in the data folder)")
    .option("--follow", "go on with new contributions until SIGINT or SIGTERM");
  (await configOptions(jsonOption(command))).action((url: string, options: AttestOptions) =>
    asKeeperFailure(() => attest(url, options)),
  );
}

async function attest(url: string, options: AttestOptions): Promise<void> {
  const { config } = await loadConfig(options);
  // The keeper's daemon comes first on this machine.
  setPriority(constants.priority.PRIORITY_LOW);
  await withKeeper(config, async (account) => {
    const remote = await RemoteCeremony.open(url, config.chain.rpc);
    const { ceremony } = remote.log.state;
    const expected = options.ceremony?.toLowerCase();
    if (expected !== undefined && expected !== ceremony)
      throw usageError(`${url} serves another ceremony`, { expected, actual: ceremony });
    const attester = await attesterOf(remote, account, options);
    say(`member ${attester.member} of committee ${attester.members.committee}, ceremony ${ceremony}`);
    const signed = await attestAll(remote, attester);
    if (options.follow === true) signed.push(...(await followLog(remote, attester)));
    if (options["json"] === true)
      printJson({ ceremony, committee: attester.members.committee, member: attester.member, signed });
    else if (signed.length === 0) say("no contribution waits for this keeper's signature");
  });
}

async function attesterOf(
  { log }: RemoteCeremony,
  { config, secrets, provider, signer }: KeeperAccount,
  { work }: AttestOptions,
): Promise<Attester> {
  const { committee } = log.definition;
  if (committee === undefined)
    throw usageError("the ceremony names no committee", {
      expected: "a committee with this keeper",
      actual: "none",
    });
  if (committee.chainId !== config.chain.id)
    throw usageError("the ceremony's committee is on another chain than this keeper", {
      expected: `chain ${config.chain.id}`,
      actual: `chain ${committee.chainId}`,
    });
  const members = await attestingMembers(provider, committee.address);
  const own = signer.address.toLowerCase();
  const found = members.members.find(({ operator }) => operator.toLowerCase() === own);
  if (found === undefined)
    throw usageError(`this keeper is no member of committee ${committee.address}`, {
      expected: `${signer.address} among the operators of version ${members.version}`,
      actual: members.members.map(({ operator }) => operator).join(", "),
    });
  return {
    members,
    member: found.index,
    blsSecret: secrets.bls,
    notes: join(config.dataDir, "attested"),
    work: work ?? join(config.dataDir, "ceremony", log.state.ceremony),
    tools: ceremonyTools(),
    say,
  };
}

/** @returns indices of the contributions that were signed */
async function attestAll(remote: RemoteCeremony, attester: Attester): Promise<number[]> {
  const signed: number[] = [];
  for (const contribution of unsigned(remote, attester)) {
    await attestContribution(remote, contribution, attester);
    signed.push(contribution.index);
  }
  return signed;
}

/** Until a signal, or until the ceremony is closed. A service that is not there for a while is asked again. */
async function followLog(remote: RemoteCeremony, attester: Attester): Promise<number[]> {
  const signed: number[] = [];
  const stop = new AbortController();
  for (const name of stopSignals) process.once(name, () => stop.abort());
  while (!stop.signal.aborted && remote.log.state.phase !== "closed") {
    await new Promise<void>((next) => {
      const timer = setTimeout(next, poll_ms);
      stop.signal.addEventListener("abort", () => (clearTimeout(timer), next()), { once: true });
    });
    if (stop.signal.aborted) break;
    try {
      await remote.follow();
      signed.push(...(await attestAll(remote, attester)));
    } catch (error) {
      if (!isAway(error)) throw error;
      say(`${(error as Error).message}: asking again`);
    }
  }
  return signed;
}
