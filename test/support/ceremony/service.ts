/** A ceremony's service in this process, on loopback, with a clock of the test's own. */
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { challengeName, writeFirstChallenge } from "../../../cli/ceremony/files.ts";
import { CeremonyFolder, signerOf } from "../../../cli/ceremony/folder.ts";
import { writeEdition } from "../../../cli/ceremony/manifest.ts";
import { startCeremony } from "../../../cli/ceremony/serve.ts";
import type { RunningCeremony } from "../../../cli/ceremony/serve.ts";
import { joinDigest, responseDigest } from "../../../ceremony/running/entries.ts";
import type {
  Entry,
  FileHashes,
  JoinStatement,
  ResponseStatement,
} from "../../../ceremony/running/entries.ts";
import type { Definition } from "../../../ceremony/running/definition.ts";
import { noCommittee } from "../../../ceremony/running/queue.ts";
import type { CeremonyState } from "../../../ceremony/running/queue.ts";
import { toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { pieceRoot } from "../../../storage/core/merkle.ts";
import { definitionOf, organiser } from "./running.ts";
import type { Party } from "./running.ts";

export function fileHashes(bytes: Uint8Array): FileHashes {
  const hash = (name: string): Hex => `0x${createHash(name).update(bytes).digest("hex")}`;
  return {
    bytes: bytes.length,
    blake2b: hash("blake2b512"),
    sha256: hash("sha256"),
    root: toHex(pieceRoot(bytes)),
  };
}

export type Answer = { readonly status: number; readonly body: Record<string, unknown> };

export class ServiceScene {
  readonly folder: string;
  /** Endpoints of the committee's chain. */
  readonly #rpc: readonly string[];
  now_s = 10_000;
  #running: RunningCeremony | undefined;
  /** Kept over a restart. */
  #port = 0;

  private constructor(folder: string, rpc: readonly string[]) {
    this.folder = folder;
    this.#rpc = rpc;
  }

  /** @param rpc endpoints of the committee's chain */
  static async open(changes: Partial<Definition> = {}, rpc: readonly string[] = []): Promise<ServiceScene> {
    const scene = new ServiceScene(await mkdtemp(join(tmpdir(), "whitepay-ceremony-")), rpc);
    const definition = definitionOf({ power: 1, ...changes });
    await CeremonyFolder.create(scene.folder, definition);
    const folder = await CeremonyFolder.open(scene.folder, () => Promise.resolve(noCommittee));
    const signer = signerOf(organiser.key.privateKey as Hex);
    const challenge = await writeFirstChallenge(folder.file(challengeName(1)), definition);
    await folder.mustAppend({ type: "opened", challenge }, scene.now_s, signer);
    await writeEdition(folder, signer);
    await folder.close();
    await scene.start();
    return scene;
  }

  async start(): Promise<void> {
    this.#running = await startCeremony(this.folder, organiser.key.privateKey as Hex, {
      host: "127.0.0.1",
      port: this.#port,
      rpc: this.#rpc,
      now_s: () => this.now_s,
    });
    this.#port = Number(new URL(this.#running.url).port);
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  get running(): RunningCeremony {
    if (this.#running === undefined) throw new Error("the service does not run");
    return this.#running;
  }

  get url(): string {
    return this.running.url;
  }

  get state(): CeremonyState {
    return this.running.service.state;
  }

  get entries(): readonly Entry[] {
    return this.running.service.folder.log.entries;
  }

  async ask(path: string, init: RequestInit = {}): Promise<Answer> {
    const answer = await fetch(`${this.url}${path}`, init);
    const text = await answer.text();
    return { status: answer.status, body: text.startsWith("{") ? JSON.parse(text) : { text } };
  }

  post(path: string, body: object): Promise<Answer> {
    return this.ask(path, { method: "POST", body: JSON.stringify(body) });
  }

  put(token: unknown, offset: number, bytes: Uint8Array): Promise<Answer> {
    const headers = { "Upload-Offset": String(offset) };
    return this.ask(`/v1/uploads/${String(token)}`, { method: "PUT", headers, body: Uint8Array.from(bytes) });
  }

  joinOf(who: Party, turn = 0): JoinStatement {
    const { head } = this.running.service.folder.log;
    const statement = { type: "join" as const, participant: who.address, name: "somebody", turn, seen: head };
    const digest = joinDigest(this.state.ceremony, statement);
    return { ...statement, signature: who.key.sign(digest).serialized as Hex };
  }

  join(who: Party, turn = 0): Promise<Answer> {
    return this.post("/v1/joins", this.joinOf(who, turn));
  }

  responseOf(who: Party, bytes: Uint8Array, changes: Partial<ResponseStatement> = {}): ResponseStatement {
    const statement = {
      type: "submitted" as const,
      index: this.state.contributions.length + 1,
      participant: who.address,
      challenge: this.state.challenge?.root as Hex,
      response: fileHashes(bytes),
      seen: this.running.service.folder.log.head,
      ...changes,
    };
    const digest = responseDigest(this.state.ceremony, statement);
    return { ...statement, signature: who.key.sign(digest).serialized as Hex };
  }

  /** Declares and uploads a response, and waits for its verdict. */
  async submit(who: Party, bytes: Uint8Array): Promise<Answer> {
    const declared = await this.post("/v1/uploads", this.responseOf(who, bytes));
    if (declared.status !== 200) return declared;
    const sent = await this.put(declared.body["token"], 0, bytes);
    await this.running.service.idle();
    return sent;
  }
}
