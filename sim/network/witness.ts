/** Records for the checkers what each process received and what it sent to the chain. */
import type { Envelope } from "../../protocol/codec/message.ts";
import type { HandingIn } from "../../keeper/ports/chain.ts";

/** A process's endpoint showed it a head. */
export type Shown = { readonly at_ms: number; readonly head: number };

/** A process accepted a message, or received an answer with messages. `head`: the last head that it had received. */
export type Arrival = Shown & ({ readonly message: Envelope } | { readonly pulled: Uint8Array });

/** A process sent a transaction to the chain. */
export type Sent = Shown & {
  readonly keeper: number;
  readonly process: string;
  readonly submission: HandingIn;
};

export class Witness {
  readonly #now_ms: () => number;
  readonly #shown = new Map<string, Shown[]>();
  readonly #arrivals = new Map<string, Arrival[]>();
  readonly sent: Sent[] = [];

  constructor(now_ms: () => number) {
    this.#now_ms = now_ms;
  }

  /** Heads that a process received over all its lives, in order. */
  shownTo(process: string): readonly Shown[] {
    return this.#shown.get(process) ?? [];
  }

  arrivalsAt(process: string): readonly Arrival[] {
    return this.#arrivals.get(process) ?? [];
  }

  #at(process: string): Shown {
    return { at_ms: this.#now_ms(), head: this.#shown.get(process)?.at(-1)?.head ?? -1 };
  }

  show(process: string, head: number): void {
    add(this.#shown, process, { at_ms: this.#now_ms(), head });
  }

  /** A message arrives. @returns the function to call if the process accepts it */
  hear(process: string, message: Envelope): () => void {
    const at = this.#at(process);
    return () => add(this.#arrivals, process, { ...at, message });
  }

  pull(process: string, pulled: Uint8Array): void {
    add(this.#arrivals, process, { ...this.#at(process), pulled });
  }

  send(keeper: number, process: string, submission: HandingIn): void {
    this.sent.push({ ...this.#at(process), keeper, process, submission });
  }
}

function add<T>(lists: Map<string, T[]>, name: string, one: T): void {
  const list = lists.get(name);
  if (list === undefined) lists.set(name, [one]);
  else list.push(one);
}
