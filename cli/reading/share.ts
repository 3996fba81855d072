/** `whitepay share NAME`: the payer permits a peer, or anybody, to read an item; `whitepay unshare` takes it back (R44). */
import type { Command } from "commander";
import { peerIdFromString } from "@libp2p/peer-id";
import { GroupView } from "../../client/group-view.ts";
import { measureBlockTime } from "../../client/status.ts";
import { parseBytes } from "../../client/units.ts";
import { signPermission, signRevocation } from "../../client/reading/permission.ts";
import { parseStoringTime, storingBlocks } from "../../client/storing/duration.ts";
import { registeredProvider, registryAt } from "../../client/registry.ts";
import { encodePermission } from "../../protocol/codec/piece-http.ts";
import { unlimitedBytes } from "../../protocol/codec/permission.ts";
import type { GroupDomain, Permission, Revocation } from "../../protocol/codec/permission.ts";
import { counted } from "../../protocol/counted.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { PayerOptions } from "../chain/account.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { integerOption, quote } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { writeOutput } from "../console/output-file.ts";
import { formatBytes } from "../console/progress.ts";
import { inParallel } from "../../client/in-parallel.ts";
import { targetOf } from "../store/discover.ts";
import { itemsNamed } from "../store/get.ts";
import { readingOptions } from "../store/options.ts";
import { placesOf } from "../store/read-item.ts";
import { knownGroup } from "../store/find-group.ts";
import { withSession, type Session } from "../store/session.ts";
import { madeGroup } from "../store/state.ts";
import { readStored, type Holder } from "../store/stored.ts";
import { askStore } from "../store/wire.ts";
import type { ShareFile, SharedCopy } from "./share-file.ts";

const anybody = "anybody";
const providersAtOnce = 16;

type ShareOptions = PayerOptions & {
  readonly with: string;
  readonly for: string;
  readonly quota?: string;
  readonly file?: string;
  readonly encrypted?: boolean;
};
type UnshareOptions = PayerOptions & { readonly all?: boolean };

export function register(program: Command): void {
  const command = program
    .command("share")
    .description(
      "let a peer, or anybody, read an item at its providers, until it is unshared or its time is over",
    )
    .argument("<name>", "name as `whitepay list` shows it")
    .option("--with <peer>", "peer id of the reader (`whitepay reader` prints it), or anybody", anybody)
    .option("--for <time>", "for how long, for example 30days", "30days")
    .option("--quota <bytes>", "most bytes that each provider sends for it a day, for example 10GiB")
    .option("--file <file>", "also write what a reader needs for `whitepay fetch --share`")
    .option("--encrypted", "share an encrypted item: readers get bytes that only the payer can decrypt");
  readingOptions(command).action((name: string, options: ShareOptions) => share(name, options));
}

export function registerUnshare(program: Command): void {
  const command = program
    .command("unshare")
    .description("end permissions to read, at every provider of the group")
    .argument(
      "[sequences...]",
      "numbers that `whitepay share` printed",
      (text: string, before: readonly number[]) => [...before, integerOption("sequence", { min: 1 })(text)],
      [] as readonly number[],
    )
    .option("--all", "end all permissions that were given so far");
  readingOptions(command).action((sequences: number[], options: UnshareOptions) =>
    unshare(sequences, options),
  );
}

/** @throws CliError exit 2 if it is neither "anybody" nor a peer id */
function readerOf(text: string): string | undefined {
  if (text === anybody) return undefined;
  try {
    return peerIdFromString(text).toString();
  } catch {
    const expected = `${anybody}, or a peer id such as 12D3KooW…`;
    throw usageError("--with is not valid", { expected, actual: quote(text) });
  }
}

function quotaOf(text: string | undefined): number {
  if (text === undefined) return unlimitedBytes;
  const expected = "1 byte to 2^53 − 2 bytes, for example 10GiB";
  try {
    const bytes = parseBytes(text);
    if (bytes < BigInt(unlimitedBytes)) return Number(bytes);
  } catch {
    // Not a size: refused below, as a size that is too large.
  }
  throw usageError("--quota is not valid", { expected, actual: quote(text) });
}

async function share(name: string, options: ShareOptions): Promise<void> {
  const peer = readerOf(options.with);
  const bytesPerDay = quotaOf(options.quota);
  const time = parseStoringTime(options.for);
  await withSession(options, async (session) => {
    const { provider, account } = session;
    const stored = await readStored(session, await knownGroup(session, await madeGroup(options)));
    const [item] = itemsNamed(stored.catalogue, [name]);
    if (item === undefined) throw usageError(`nothing is stored under ${name}`);
    if (!item.isPublic && options.encrypted !== true) {
      throw usageError(`${item.name} is encrypted: nobody but the payer can use its bytes`, {
        hint: "store it with --public to share it; --encrypted shares the encrypted bytes, for example with a backup",
      });
    }
    const block = await provider.getBlock(stored.head);
    const at = { block: stored.head, time_s: block?.timestamp ?? 0 };
    const until = stored.head + storingBlocks(time, await measureBlockTime(provider, at));
    // The time in milliseconds: later permissions have higher numbers, and no machine has to keep a record of those given before.
    const sequence = Date.now();
    const permissions = new Map<string, GroupDomain & Permission>();
    for (const { root } of item.copies) {
      if (permissions.has(root)) continue;
      const terms = { root: root as Hex, until, bytesPerDay, sequence };
      permissions.set(root, await signPermission(account, stored.group.address, peer, terms));
    }
    const faults: string[] = [];
    const copies = await inParallel(placesOf(stored, item), providersAtOnce, async ({ copy, holder }) => {
      const permission = permissions.get(copy.root) as GroupDomain & Permission;
      const url = peer === undefined ? await published(session, holder, permission, faults) : undefined;
      const { operator } = holder.account;
      const { peerId, addrs } = holder.target;
      return {
        provider: operator,
        peerId,
        addrs: [...addrs],
        ...(url === undefined ? {} : { url }),
        root: copy.root as Hex,
        bytes: copy.bytes,
        permission: encodePermission(permission),
      } satisfies SharedCopy;
    });
    const file: ShareFile = {
      chainId: session.chainId,
      group: stored.group.address.toLowerCase() as Hex,
      name: item.name,
      sequence,
      with: peer ?? anybody,
      until,
      ...(bytesPerDay === unlimitedBytes ? {} : { bytesPerDay }),
      copies,
    };
    if (options.file !== undefined)
      await writeOutput(options.file, `${JSON.stringify(file, undefined, 2)}\n`);
    if (options.json === true) printJson({ ...file, faults });
    else printShare(file, options.file);
    for (const fault of faults) say(fault);
    if (copies.length > 0 && faults.length < copies.length) return;
    throw new CliError({
      code: exitCodes.network,
      message: `no provider received the permission ${sequence}`,
      actual: faults.join("; ") || "no provider of the group has a copy",
      hint: "run the command again later; or give the reader the file that --file writes: `whitepay fetch --share` sends the permission itself",
    });
  });
}

/** Sends a provider a permission for anybody. Returns the URL at which it serves the piece; undefined if there is none or it failed. */
async function published(
  { line, chainId }: Session,
  { target, account }: Holder,
  permission: GroupDomain & Permission,
  faults: string[],
): Promise<string | undefined> {
  try {
    await askStore(line, target, { kind: "publish", ...permission });
    return (await askStore(line, target, { kind: "about", chainId, root: permission.root })).url;
  } catch (error) {
    line.signal?.throwIfAborted();
    faults.push(`${account.operator}: ${(error as Error).message}`);
    return undefined;
  }
}

function printShare(
  { name, sequence, with: reader, until, bytesPerDay, copies }: ShareFile,
  file?: string,
): void {
  const quota = bytesPerDay === undefined ? "" : `, ${formatBytes(bytesPerDay)} a day from each provider`;
  printLine(`${name} may be read by ${reader} until block ${until}${quota}; permission ${sequence}`);
  for (const { provider, root, url } of copies) printLine(`  ${provider}  ${url ?? root}`);
  if (file !== undefined) printLine(`for the reader: ${file} (whitepay fetch --share ${file} --out FILE)`);
}

async function unshare(sequences: readonly number[], options: UnshareOptions): Promise<void> {
  if ((options.all === true) === sequences.length > 0)
    throw usageError("nothing to unshare", { expected: "the numbers of permissions, or --all" });
  const ranges =
    options.all === true
      ? [{ first: 1, last: Date.now() }]
      : sequences.map((sequence) => ({ first: sequence, last: sequence }));
  await withSession(options, async (session) => {
    const { provider, account, registry, line } = session;
    const group = await knownGroup(session, await madeGroup(options));
    const accounts = (await new GroupView(provider, group).providers()).filter(({ closed }) => !closed);
    const revocations: (GroupDomain & Revocation)[] = [];
    for (const range of ranges) revocations.push(await signRevocation(account, group.address, range));
    const told: string[] = [];
    const faults: string[] = [];
    await inParallel(accounts, providersAtOnce, async ({ operator }) => {
      try {
        const target = targetOf(await registeredProvider(registryAt(registry, provider), operator));
        for (const one of revocations) await askStore(line, target, { kind: "revoke", ...one });
        told.push(operator);
      } catch (error) {
        line.signal?.throwIfAborted();
        faults.push(`${operator}: ${(error as Error).message}`);
      }
    });
    const revoked = options.all === true ? "all" : sequences;
    if (options.json === true) printJson({ group: group.address, revoked, told, faults });
    else printLine(`ended at ${told.length} of ${counted(accounts.length, "provider")}`);
    for (const fault of faults) say(fault);
    if (faults.length === 0) return;
    throw new CliError({
      code: exitCodes.network,
      message: "some providers did not receive the revocation",
      hint: "run the command again: until a provider receives the revocation it serves the permission, at most until its last block",
    });
  });
}
