/** The parts that all commands about a payer's data use: the chain, the account, the node that calls providers, and permissions to read. */
import type { JsonRpcProvider, Wallet } from "ethers";
import type { Libp2p } from "@libp2p/interface";
import { registryOf } from "../../client/group-plans.ts";
import { payerIdentity, type PayerIdentity } from "../../client/storing/payer-identity.ts";
import { signPermission } from "../../client/reading/permission.ts";
import { unlimitedBytes, type Permission } from "../../protocol/codec/permission.ts";
import { zeroHash, type Hex } from "../../protocol/hash.ts";
import { payerSigner, withChain, type Payer, type PayerOptions } from "../chain/account.ts";
import { registeredLocator } from "../chain/relays.ts";
import { configFile } from "../console/config-options.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { dialingNode } from "../group/retrieve/download.ts";
import { JournaledWallet } from "./journaled-wallet.ts";
import type { Journal } from "./journaled-wallet.ts";
import { StateFolder, stateFolder } from "./state.ts";
import type { Locator } from "../../daemon/peers/relay/locator.ts";
import type { Line } from "./wire.ts";

export type Session = {
  readonly provider: JsonRpcProvider;
  readonly payer: Payer;
  readonly account: Wallet;
  readonly identity: PayerIdentity;
  readonly chainId: number;
  readonly factory: string;
  readonly lens: string;
  readonly registry: Hex;
  readonly libp2p: Libp2p;
  readonly line: Line & { readonly locator: Locator };
  readonly signal: AbortSignal;
};

/** Blocks for which a permission to read is valid: one day at one block per second. */
const permissionBlocks = 86_400;

export const lower = (text: string): Hex => text.toLowerCase() as Hex;

/** Opens everything, runs `work`, and closes it. Ctrl-C ends the work with exit 130; what was done stays. */
export async function withSession<T>(
  options: PayerOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return withChain(options, async (provider, payer) => {
    const [factory, lens] = [payer.need("chain.factory"), payer.need("chain.lens")];
    const account = await payerSigner(provider, payer);
    const [registry, network, identity] = await Promise.all([
      registryOf(provider, factory),
      provider.getNetwork(),
      payerIdentity(account.privateKey),
    ]);
    const libp2p = await dialingNode();
    const interrupt = new AbortController();
    const stop = (): void => interrupt.abort(new Error("interrupted"));
    process.once("SIGINT", stop);
    process.once("SIGTERM", stop);
    const { signal } = interrupt;
    const chainId = Number(network.chainId);
    const locator = registeredLocator(libp2p, provider, async () => registry);
    const line = { libp2p, locator, signal };
    const shared = { provider, payer, account, identity, chainId, factory, lens, libp2p, line, signal };
    try {
      return await work({ ...shared, registry: lower(registry) });
    } catch (error) {
      if (!signal.aborted) throw error;
      const hint = "what was sent is kept; run the same command again to continue";
      throw new CliError({ code: exitCodes.interrupted, message: "interrupted", hint, cause: error });
    } finally {
      process.removeListener("SIGINT", stop);
      process.removeListener("SIGTERM", stop);
      await libp2p.stop();
    }
  });
}

export type WritingSession = Session & { readonly folder: StateFolder; readonly signer: JournaledWallet };

/** A session that may send transactions: one at a time for a payer, each written down before it is sent. */
export async function withWritingSession<T>(
  options: PayerOptions,
  work: (session: WritingSession) => Promise<T>,
): Promise<T> {
  return withSession(options, async (session) => {
    const dir = stateFolder(await configFile(options, "payer.yaml"));
    const { chainId, account, provider } = session;
    const folder = await StateFolder.open(dir, { chainId, payer: account.address });
    try {
      const signer = new JournaledWallet(account.privateKey, provider, journalIn(folder));
      await signer.settlePending();
      return await work({ ...session, folder, signer });
    } finally {
      await folder.close();
    }
  });
}

/** Notes the transaction that is under way, and all transactions of the work. */
export function journalIn(folder: StateFolder): Journal {
  return {
    pending: () => folder.state.pending,
    async note(pending) {
      const { transactions } = folder.state;
      const noted = pending === undefined ? transactions : [...new Set([...transactions, pending.hash])];
      await folder.save({ pending, transactions: noted });
    },
  };
}

/** The payer's signed permission for this session's peer to read the group's data (R44). */
export async function readPermission(session: Session, group: string): Promise<Permission> {
  return permissionFor(session, group, session.libp2p.peerId.toString());
}

/**
 * The permission for another peer. @param peerId text form @param root the only piece that may be read; default: all pieces of the group
 */
export async function permissionFor(
  { provider, account }: Session,
  group: string,
  peerId: string,
  root = zeroHash,
): Promise<Permission> {
  const until = (await provider.getBlockNumber()) + permissionBlocks;
  const terms = { root, until, bytesPerDay: unlimitedBytes, sequence: 0 };
  return signPermission(account, group, peerId, terms);
}
