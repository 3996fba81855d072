/** The log of a ceremony: replaying it gives the state, and shows every entry that its author did not sign. */
import { canonicalText } from "../../archive/canonical.ts";
import type { Hex } from "../../protocol/hash.ts";
import { accept, reject } from "../../storage/core/result.ts";
import type { Result } from "../../storage/core/result.ts";
import { ceremonyId, maxEntries } from "./definition.ts";
import type { Definition } from "./definition.ts";
import { entryHash, entrySchema, isSignedBy, joinDigest, maxEntryBytes, responseDigest } from "./entries.ts";
import type { Entry, EntryBody } from "./entries.ts";
import { initialState, step } from "./queue.ts";
import type { CeremonyState, Ports, StepCode } from "./queue.ts";

export type LogCode = StepCode | "form" | "chain" | "signature" | "seen" | "full";

/** Checks the form of a parsed JSON value; never throws. */
export function readEntry(value: unknown): Result<Entry, "form"> {
  const result = entrySchema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    return reject("form", `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not valid"}`);
  }
  const { length } = canonicalText(result.data);
  return length > maxEntryBytes
    ? reject("form", `entry: expected at most ${maxEntryBytes} bytes, actual ${length}`)
    : accept(result.data);
}

export class CeremonyLog {
  readonly definition: Definition;
  readonly #ports: Ports;
  readonly #entries: Entry[] = [];
  readonly #hashes = new Set<Hex>();
  #head: Hex;
  #state: CeremonyState;

  constructor(definition: Definition, ports: Ports) {
    this.definition = definition;
    this.#ports = ports;
    this.#state = initialState(definition);
    this.#head = this.#state.ceremony;
  }

  get state(): CeremonyState {
    return this.#state;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** Hash of the last entry; the ceremony's id before the first one. */
  get head(): Hex {
    return this.#head;
  }

  /** The next entry, for the organiser to sign: `entryHash` is the digest. */
  draft(body: EntryBody, time_s: number): Omit<Entry, "signature"> {
    const time = Math.max(time_s, this.#state.time_s);
    return { number: this.#entries.length, previous: this.#head, time_s: time, body };
  }

  /** Whether a body could be the next entry's, without its signature by the organiser. */
  check(body: EntryBody, time_s: number): Result<CeremonyState, LogCode> {
    if (this.#entries.length >= maxEntries(this.definition))
      return reject(
        "full",
        `number of entries: expected at most ${maxEntries(this.definition)}, actual one more`,
      );
    const author = this.#authorFault(body);
    if (author) return author;
    return step(this.#state, body, Math.max(time_s, this.#state.time_s), this.#ports);
  }

  /** Appends an entry, or says why it cannot be the next one. */
  add(entry: Entry): Result<CeremonyState, LogCode> {
    const { number, previous, time_s, body, signature } = entry;
    if (number !== this.#entries.length)
      return reject("chain", `number: expected ${this.#entries.length}, actual ${number}`);
    if (previous !== this.#head)
      return reject("chain", `entry ${number}: previous: expected ${this.#head}, actual ${previous}`);
    const hash = entryHash(this.#state.ceremony, entry);
    if (!isSignedBy(hash, signature, this.definition.organiser))
      return reject("signature", `entry ${number}: expected the organiser's signature, actual another`);
    if (time_s < this.#state.time_s)
      return reject(
        "time",
        `entry ${number}: expected a time from ${this.#state.time_s} on, actual ${time_s}`,
      );
    const next = this.check(body, time_s);
    if (!next.ok) return reject(next.code, `entry ${number} (${body.type}): ${next.detail}`);
    this.#entries.push(entry);
    this.#hashes.add(hash);
    this.#head = hash;
    this.#state = next.value;
    return next;
  }

  /** Whether participants signed their statements, and saw this log and no other. */
  #authorFault(body: EntryBody): Result<never, LogCode> | undefined {
    if (body.type !== "join" && body.type !== "submitted") return undefined;
    const { ceremony } = this.#state;
    const digest = body.type === "join" ? joinDigest(ceremony, body) : responseDigest(ceremony, body);
    if (!isSignedBy(digest, body.signature, body.participant))
      return reject("signature", `expected the signature of ${body.participant}, actual another`);
    // The organiser cannot show one log to one participant and another log to the next: their statements would not fit into one.
    if (!this.#hashes.has(body.seen))
      return reject("seen", `expected the hash of an entry of this log, actual ${body.seen}`);
    return undefined;
  }
}

/**
 * Replays a log.
 * @param entries parsed JSON values, from number 0 on
 */
export function replay(
  definition: Definition,
  entries: readonly unknown[],
  ports: Ports,
): Result<CeremonyLog, LogCode> {
  const log = new CeremonyLog(definition, ports);
  for (const value of entries) {
    const entry = readEntry(value);
    if (!entry.ok) return reject("form", `entry ${log.entries.length}: ${entry.detail}`);
    const added = log.add(entry.value);
    if (!added.ok) return added;
  }
  return accept(log);
}

/** Two entries of the organiser after one entry: a proof that it runs two logs. */
export type Fork = { readonly number: number; readonly a: Entry; readonly b: Entry };

/** The first place where two logs of one ceremony differ, if the organiser signed both; undefined if one continues the other. */
export function forkOf(definition: Definition, a: readonly Entry[], b: readonly Entry[]): Fork | undefined {
  const ceremony = ceremonyId(definition);
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [one, other] = [a[i] as Entry, b[i] as Entry];
    const [first, second] = [entryHash(ceremony, one), entryHash(ceremony, other)];
    if (first === second) continue;
    const signed =
      isSignedBy(first, one.signature, definition.organiser) &&
      isSignedBy(second, other.signature, definition.organiser);
    return signed && one.previous === other.previous ? { number: i, a: one, b: other } : undefined;
  }
  return undefined;
}
