/** The organiser's side of a running ceremony: it takes statements, starts and ends slots, and verifies responses. */
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type {
  AttestedStatement,
  EntryBody,
  JoinStatement,
  ResponseStatement,
} from "../../ceremony/running/entries.ts";
import { dueBody, submit } from "../../ceremony/running/queue.ts";
import type { CeremonyState } from "../../ceremony/running/queue.ts";
import type { Tools } from "../../ceremony/powers-of-tau/point-stream.ts";
import { TokenBuckets } from "../../protocol/limits/token-buckets.ts";
import { accept, reject } from "../../storage/core/result.ts";
import type { Result } from "../../storage/core/result.ts";
import { CommitteeKeys } from "./committee.ts";
import { challengeName, responseName, verifyResponse, writeNextChallenge } from "./files.ts";
import type { CeremonyFolder, EntrySigner } from "./folder.ts";
import { Upload, uploadToken } from "./upload.ts";

export type ServiceCode = "refused" | "busy" | "absent" | "offset" | "too-long" | "hash" | "network";

export type UploadState = {
  readonly token: string;
  readonly offset: number;
  readonly bytes: number;
  /** All bytes are there, and have the declared hashes. */
  readonly complete: boolean;
};

export type ServiceOptions = {
  readonly signer: EntrySigner;
  readonly ports: CommitteeKeys | undefined;
  readonly tools: Tools;
  readonly now_s: () => number;
  /** Called after each contribution that was accepted or settled, before the next entry: the manifest has another edition. */
  readonly onContribution: () => Promise<void>;
  readonly say: (text: string) => void;
};

/** Strangers name versions of the committee: the one in force is asked for once in 30 s, and no other. */
const learnRate = { burst: 1, perSecond: 1 / 30 };
/** Longest time between two looks at the clock. */
const tick_ms = 1_000;
/** Until a response is verified again whose verification the machine could not end: its disk was full, for example. */
const retry_ms = 60_000;

export class CeremonyService {
  readonly folder: CeremonyFolder;
  readonly #options: ServiceOptions;
  readonly #upload: Upload;
  readonly #learned = new TokenBuckets(1, () => performance.now());
  /** Changes of the log, one after another. */
  #last: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #verifying: Promise<void> | undefined;
  /** After a fault of the machine, the response is verified again from this time on. */
  #verifyFrom_ms = 0;

  constructor(folder: CeremonyFolder, options: ServiceOptions) {
    this.folder = folder;
    this.#options = options;
    this.#upload = new Upload(join(folder.path, "upload"));
  }

  get state(): CeremonyState {
    return this.folder.state;
  }

  /** Continues what an earlier process left, and looks at the clock from now on. */
  async start(): Promise<void> {
    await this.#upload.restore();
    await this.#inTurn(() => this.#advance());
    this.#verify();
    this.#timer = setInterval(() => this.#look(), tick_ms);
  }

  #look(): void {
    // `#inTurn` has said a fault: a full disk, for example. The next look tries again.
    this.#inTurn(() => this.#advance()).catch(() => undefined);
    if (performance.now() >= this.#verifyFrom_ms) this.#verify();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#verifying;
    await this.#last.catch(() => undefined);
  }

  /** Waits until no response is being verified. */
  async idle(): Promise<void> {
    await this.#verifying;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work);
    this.#last = next.catch((error: unknown) => this.#options.say(`error: ${(error as Error).message}`));
    return next;
  }

  /** Entries that time makes due. */
  async #advance(): Promise<void> {
    const { now_s, signer, say } = this.#options;
    for (;;) {
      const body = dueBody(this.state, now_s());
      if (body === undefined) return;
      await this.folder.mustAppend(body, now_s(), signer);
      if (body.type === "lost") {
        await this.#upload.drop();
        say(`slot ${body.index} of ${body.participant} is lost: no whole response in time`);
      } else if (body.type === "slot") say(`slot ${body.index}: ${body.participant}`);
    }
  }

  #append(body: EntryBody, time_s = this.#options.now_s()): Promise<Result<unknown, ServiceCode>> {
    return this.#inTurn(async () => {
      await this.#advance();
      const added = await this.folder.append(body, time_s, this.#options.signer);
      if (!added.ok) return reject("refused", added.detail);
      await this.#advance();
      return accept(added.value);
    });
  }

  join(statement: JoinStatement): Promise<Result<unknown, ServiceCode>> {
    return this.#append(statement);
  }

  async attest(statement: AttestedStatement): Promise<Result<unknown, ServiceCode>> {
    const { ports } = this.#options;
    if (ports !== undefined && !ports.knows(statement.version)) {
      if (!this.#learned.take("chain", learnRate))
        return reject(
          "busy",
          `version ${statement.version} is not known; the one in force is asked for every 30 s`,
        );
      try {
        await ports.learnPresent();
      } catch (error) {
        return reject("network", `the committee's chain cannot be read: ${(error as Error).message}`);
      }
    }
    const settled = (): number => this.state.contributions.filter((one) => one.settled).length;
    const before = settled();
    const result = await this.#append(statement);
    if (settled() > before) await this.#edition();
    return result;
  }

  /** A fault is said; the next edition has everything. */
  async #edition(): Promise<void> {
    await this.#inTurn(() => this.#options.onContribution()).catch(() => undefined);
  }

  /** Begins or continues the upload of the slot's response. */
  async declare(statement: ResponseStatement): Promise<Result<UploadState, ServiceCode>> {
    const state = await this.#inTurn(async (): Promise<Result<UploadState, ServiceCode>> => {
      await this.#advance();
      // The whole check of the later entry: what it would refuse is not worth an upload.
      const checked = this.folder.log.check(statement, this.#options.now_s());
      if (!checked.ok) return reject("refused", checked.detail);
      if (this.#upload.isBusy) return reject("busy", "another request writes this upload");
      await this.#upload.begin(statement);
      return accept(await this.#uploadState(statement));
    });
    // The process ended after the last byte, and before its hashes were compared.
    return state.ok && state.value.offset === state.value.bytes ? this.#complete() : state;
  }

  async #uploadState(statement: ResponseStatement): Promise<UploadState> {
    const offset = await this.#upload.offset();
    return { token: uploadToken(statement), offset, bytes: statement.response.bytes, complete: false };
  }

  /** The upload of this token, if its slot has not ended. */
  #uploadOf(token: string): Result<ResponseStatement, ServiceCode> {
    const { declared } = this.#upload;
    if (declared === undefined || uploadToken(declared) !== token)
      return reject("absent", "there is no such upload: its slot has ended, or another one is declared");
    const state = submit({ ...this.state, time_s: this.#options.now_s() }, declared);
    return state.ok ? accept(declared) : reject("refused", state.detail);
  }

  async uploaded(token: string): Promise<Result<UploadState, ServiceCode>> {
    const found = this.#uploadOf(token);
    return found.ok ? accept(await this.#uploadState(found.value)) : found;
  }

  /**
   * Writes the blocks of one request.
   * @param offset of its first byte; it must be where the upload ends
   * @param most bytes of one request
   */
  async write(
    token: string,
    { offset, most }: { readonly offset: number; readonly most: number },
    blocks: AsyncIterable<Uint8Array>,
  ): Promise<Result<UploadState, ServiceCode>> {
    const found = this.#uploadOf(token);
    if (!found.ok) return found;
    const { bytes } = found.value.response;
    const result = await this.#upload.alone(async (): Promise<Result<UploadState, ServiceCode>> => {
      const written = await this.#upload.offset();
      if (offset !== written) return reject("offset", `offset: expected ${written}, actual ${offset}`);
      const room = Math.min(most, bytes - written);
      const { offset: after, tooLong } = await this.#upload.append(blocks, room);
      if (!tooLong) return accept({ token, offset: after, bytes, complete: false });
      return reject("too-long", `expected at most ${room} bytes from byte ${offset} on, actual more`);
    });
    if (result === undefined) return reject("busy", "another request writes this upload");
    return result.ok && result.value.offset === bytes ? this.#complete() : result;
  }

  /** The whole response is there: it counts from now on, whatever time its hashes take. */
  #complete(): Promise<Result<UploadState, ServiceCode>> {
    const time_s = this.#options.now_s();
    return this.#inTurn(async () => {
      const statement = this.#upload.declared;
      if (statement === undefined) return reject("absent", "the upload was given up");
      const fault = await this.#upload.fault();
      if (fault !== undefined) {
        await this.#upload.drop();
        return reject("hash", `the bytes are not those that were declared: ${fault}`);
      }
      const { response, index } = statement;
      const checked = this.folder.log.check(statement, time_s);
      if (!checked.ok) return reject("refused", checked.detail);
      const token = uploadToken(statement);
      await this.#upload.moveTo(this.folder.file(responseName(index)));
      await this.folder.mustAppend(statement, time_s, this.#options.signer);
      this.#verify();
      return accept({ token, offset: response.bytes, bytes: response.bytes, complete: true });
    });
  }

  /** Verifies the submitted response, if there is one; beside all else that the service does. */
  #verify(): void {
    if (this.state.slot?.submitted === undefined || this.#verifying !== undefined) return;
    const { say } = this.#options;
    this.#verifying = this.#verdict()
      .catch((error: unknown) => {
        say(`error: the response cannot be verified now: ${(error as Error).message}`);
        this.#verifyFrom_ms = performance.now() + retry_ms;
      })
      .finally(() => (this.#verifying = undefined));
  }

  async #verdict(): Promise<void> {
    const { slot } = this.state;
    if (slot?.submitted === undefined) return;
    const { tools, say, now_s, signer } = this.#options;
    const { index, participant } = slot;
    const [challenge, response] = [challengeName(index), responseName(index)].map((name) =>
      this.folder.file(name),
    );
    if (challenge === undefined || response === undefined) return;
    const verdict = await verifyResponse({ challenge, response }, tools, this.state.definition.depth);
    if (!verdict.ok) {
      const { failed, reason } = verdict;
      await this.#inTurn(() =>
        this.folder.mustAppend(
          {
            type: "refused",
            index,
            failed: [...failed],
            reason: reason.replaceAll(/\p{Cc}/gu, " ").slice(0, 1_000),
          },
          now_s(),
          signer,
        ),
      );
      await rm(response, { force: true });
      say(`response ${index} of ${participant} is refused: ${failed.join(", ")}: ${reason}`);
    } else {
      const next = this.folder.file(challengeName(index + 1));
      const { blake2b: hash } = slot.submitted.response;
      const made = await writeNextChallenge(next, { response, hash }, tools);
      const body = { type: "accepted" as const, index, checks: verdict.checks, challenge: made };
      await this.#inTurn(() => this.folder.mustAppend(body, now_s(), signer));
      say(`response ${index} of ${participant} is accepted`);
      await this.#edition();
    }
    await this.#inTurn(() => this.#advance());
  }

  /** Size of a file; undefined if there is none. */
  async sizeAt(path: string): Promise<number | undefined> {
    return stat(path).then(
      ({ size }) => size,
      () => undefined,
    );
  }
}
