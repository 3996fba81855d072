/** What all commands of a payer's data share: the chain, the account, the node that calls providers, and permissions to read. */
import { keccak256, toUtf8Bytes, type JsonRpcProvider, type Wallet } from "ethers";
import type { Libp2p } from "@libp2p/interface";
import type { GroupAt } from "../../client/group-view.ts";
import { registryOf } from "../../client/group-plans.ts";
import { payerIdentity, type PayerIdentity } from "../../client/storing/payer-identity.ts";
import type { Permission } from "../../protocol/codec/retrieve.ts";
import type { Hex } from "../../protocol/hash.ts";
import { fromHex } from "../../storage/core/bytes.ts";
import { payerSigner, withChain, type Payer, type PayerOptions } from "../chain/account.ts";
import { configFile } from "../console/config-options.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { dialingNode } from "../group/retrieve/download.ts";
import { JournaledWallet } from "./journaled-wallet.ts";
import { StateFolder, stateFolder } from "./state.ts";
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
  readonly line: Line;
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
    const line = { libp2p, signal };
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
      const signer = new JournaledWallet(account.privateKey, provider, {
        pending: () => folder.state.pending,
        note: async (pending) => {
          const { transactions } = folder.state;
          const noted = pending === undefined ? transactions : [...new Set([...transactions, pending.hash])];
          await folder.save({ pending, transactions: noted });
        },
      });
      await signer.settlePending();
      return await work({ ...session, folder, signer });
    } finally {
      await folder.close();
    }
  });
}

/** The group of the configuration, or the one that `store` made. @throws CliError exit 2 if there is none */
export function knownGroup({ payer, lens }: Session, made: string | undefined): GroupAt {
  const address = payer.config.group ?? made;
  if (address !== undefined) return { address, lens };
  throw usageError("nothing is stored yet: this payer has no group", {
    hint: "`whitepay store PATH…` makes one; on a new machine set `group` in payer.yaml, --group or WHITEPAY_GROUP",
  });
}

/** The payer's signed permission for this session's peer to read the group's data (R44). */
export async function readPermission(session: Session, group: string): Promise<Permission> {
  const { provider, account, chainId, libp2p } = session;
  const until = (await provider.getBlockNumber()) + permissionBlocks;
  const domain = { name: "WhitePay", version: "2", chainId, verifyingContract: group };
  const types = {
    Retrieval: [
      { name: "peer", type: "bytes32" },
      { name: "until", type: "uint64" },
    ],
  };
  const peer = keccak256(toUtf8Bytes(libp2p.peerId.toString()));
  return { until, signature: fromHex(await account.signTypedData(domain, types, { peer, until })) };
}
