/** A wallet that writes each signed transaction down before it is sent, so that no kill makes it send the same step twice. */
import {
  Transaction,
  Wallet,
  type JsonRpcProvider,
  type TransactionRequest,
  type TransactionResponse,
} from "ethers";

export type Journal = {
  readonly pending: () => { readonly hash: string; readonly raw: string } | undefined;
  /** Durable when it returns; undefined: the last one is in a block. */
  readonly note: (pending: { readonly hash: string; readonly raw: string } | undefined) => Promise<void>;
};

const receiptTimeout_ms = 600_000;

export class JournaledWallet extends Wallet {
  readonly #chain: JsonRpcProvider;
  readonly #journal: Journal;

  constructor(key: string, chain: JsonRpcProvider, journal: Journal) {
    super(key, chain);
    this.#chain = chain;
    this.#journal = journal;
  }

  /** The transaction is signed, written down, and then sent. */
  override async sendTransaction(request: TransactionRequest): Promise<TransactionResponse> {
    await this.settlePending();
    const { from: _, ...populated } = await this.populateTransaction(request);
    const raw = await this.signTransaction(populated);
    const hash = Transaction.from(raw).hash as string;
    await this.#journal.note({ hash, raw });
    return this.#chain.broadcastTransaction(raw);
  }

  /** Waits for the transaction that was written down last; sends it again if no node knows it. Same bytes, same nonce: it counts once. */
  async settlePending(): Promise<void> {
    const pending = this.#journal.pending();
    if (pending === undefined) return;
    const { hash, raw } = pending;
    if ((await this.#chain.getTransactionReceipt(hash)) === null) {
      const nonce = Transaction.from(raw).nonce;
      // Another transaction took its nonce: this one will never be in a block.
      const used = await this.#chain.getTransactionCount(this.address, "latest");
      if (used > nonce) return this.#journal.note(undefined);
      if ((await this.#chain.getTransaction(hash)) === null) await this.#chain.broadcastTransaction(raw);
      await this.#chain.waitForTransaction(hash, 1, receiptTimeout_ms);
    }
    await this.#journal.note(undefined);
  }
}
