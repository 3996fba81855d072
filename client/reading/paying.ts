/** R47: a source that is paid range by range. It is asked for nothing first; when it asks for payment, the purse signs. */
import type { PaymentDue } from "../../protocol/codec/paid-reading.ts";
import type { Hex } from "../../protocol/hash.ts";
import { isProven } from "./piece.ts";
import type { ReadPurse } from "./purse.ts";
import { PaymentNeeded, SourceError } from "./source.ts";
import type { Payee, PieceSource, SentRange } from "./source.ts";

export type PayingSource = PieceSource & {
  /** Pays for the last range, when nothing more is read. Rejects if the provider does not take the voucher. */
  settle(signal?: AbortSignal): Promise<void>;
};

/** A provider may say what is owed, then that more is owed, then that a deposit lacks. */
const mostDemands = 3;
const settle_ms = 10_000;

export function payingSource(payee: Payee, purse: ReadPurse): PayingSource {
  let due: PaymentDue | undefined;
  let last: Hex | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  const paid = async (root: Hex, range: number, signal: AbortSignal): Promise<SentRange> => {
    for (let demands = 0; ; demands++) {
      const now = due as PaymentDue;
      // Whatever the purse says about this demand, the next request asks the provider again.
      due = { ...now, code: "no-voucher", needed: 0n };
      const voucher = await purse.voucherFor(now);
      try {
        last = root;
        const sent = await payee.range(root, range, signal, voucher);
        if (!isProven(root, range, sent)) {
          throw new SourceError("wrong", `range ${range}: the bytes do not match the root ${root}`);
        }
        await purse.received(now, sent.bytes.length, sent.charged);
        return sent;
      } catch (error) {
        await purse.missed(now);
        if (!(error instanceof PaymentNeeded) || demands >= mostDemands) throw error;
        if (error.due.provider !== now.provider) {
          throw new SourceError("refused", `names another provider: ${error.due.provider}`);
        }
        due = error.due;
      }
    }
  };

  const ask = async (root: Hex, range: number, signal: AbortSignal): Promise<SentRange> => {
    signal.throwIfAborted();
    if (due === undefined) {
      try {
        return await payee.range(root, range, signal);
      } catch (error) {
        if (!(error instanceof PaymentNeeded)) throw error;
        due = error.due;
      }
    }
    return purse.inTurn(due.provider, () => paid(root, range, signal));
  };

  return {
    name: payee.name,
    range(root, range, signal) {
      const asked = turn.then(() => ask(root, range, signal));
      turn = asked.catch(() => undefined);
      return asked;
    },
    async settle(signal = AbortSignal.timeout(settle_ms)) {
      const provider = due?.provider;
      const root = last;
      if (provider === undefined || root === undefined) return;
      await purse.inTurn(provider, async () => {
        const voucher = await purse.lastVoucher(provider);
        if (voucher !== undefined) await payee.settle(root, voucher, signal);
      });
    },
  };
}
