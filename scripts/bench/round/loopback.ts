/**
 * One round with many providers over real libp2p on loopback: a process for each keeper, with its records in a store on disk. The chain is
 * simulated with a real clock; no challenge is due during the round.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { installFastHashes } from "../../../daemon/hashing/install.ts";
import { LevelStore } from "../../../keeper/adapters/store-level.ts";
import type { Write } from "../../../keeper/core/effects.ts";
import type { Endpoint } from "../../../keeper/ports/chain.ts";
import { toHex } from "../../../protocol/hash.ts";
import type { PieceList } from "../../../storage/core/piece-list.ts";
import type { KeeperReport, LoopbackTask, News, Order } from "./loopback-keeper.ts";
import { eachRecordOf, withPiece } from "./records.ts";
import type { Piece } from "./records.ts";
import { RoundScene, committee } from "./scene.ts";
import type { SceneSize } from "./scene.ts";

export type LoopbackFigures = SceneSize & {
  readonly block_ms: number;
  /** Blocks of a turn, and those from the leader's view of te to its certificate. */
  readonly turn: number;
  readonly blocks: number;
  readonly certificate_ms: number;
  /** Average over the keepers, from the view of te to the certificate. */
  readonly cpu_ms: number;
  readonly messagesSent: number;
  readonly bytesSent: number;
  /** Of the keeper that used most. */
  readonly memory_MiB: number;
};

const program = fileURLToPath(new URL("loopback-keeper.ts", import.meta.url));
/** Records that are written at once. */
const batch = 5_000;
/** Before the interval ends blocks come faster. */
const fast_ms = 250;

/** The records of a keeper, and the list that it fetched for its challenges. */
async function fill(folder: string, list: PieceList, writes: AsyncIterable<Write>): Promise<void> {
  const store = await LevelStore.open(folder);
  await store.keepList(committee, toHex(list.root), list.pieces.bytes);
  let waiting: Write[] = [];
  for await (const write of writes) {
    waiting.push(write);
    if (waiting.length < batch) continue;
    await store.write(committee, waiting);
    waiting = [];
  }
  await store.write(committee, waiting);
  await store.close();
}

/** One keeper's process; `news` resolves with its next news of that kind. */
class Seat {
  readonly #child: ChildProcess;
  readonly #waiting: { readonly kind: News["kind"]; readonly resolve: (news: News) => void }[] = [];
  others = 0;
  handled = -1;

  constructor(task: LoopbackTask, onNews: (news: News) => void, onEnd: (error: Error) => void) {
    this.#child = fork(program, [JSON.stringify(task)], {
      serialization: "advanced",
      stdio: ["pipe", "ignore", "inherit", "ipc"],
    });
    this.#child.on("message", (news: News) => {
      if (news.kind === "connected") this.others = news.others;
      if (news.kind === "handled") this.handled = news.head;
      const at = this.#waiting.findIndex(({ kind }) => kind === news.kind);
      if (at >= 0) this.#waiting.splice(at, 1)[0]?.resolve(news);
      onNews(news);
    });
    this.#child.on("exit", (code) => onEnd(new Error(`keeper ${task.index} ended with code ${code}`)));
  }

  tell(order: Order): void {
    this.#child.send(order);
  }

  next<K extends News["kind"]>(kind: K): Promise<Extract<News, { kind: K }>> {
    return new Promise((resolve) => {
      this.#waiting.push({ kind, resolve: (news) => resolve(news as Extract<News, { kind: K }>) });
    });
  }

  async stop(): Promise<void> {
    this.#child.removeAllListeners("exit");
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await gone;
  }
}

class Loopback {
  readonly scene: RoundScene;
  readonly #seats: readonly Seat[];
  readonly #failed: Promise<never>;
  certified: Extract<News, { kind: "certified" }> | undefined;
  #head = -1;
  /** Audit blocks that were announced in time; a leader may announce one again. */
  readonly #audits = new Set<number>();

  constructor(scene: RoundScene, piece: LoopbackTask["piece"], folderOf: (index: number) => string) {
    this.scene = scene;
    let fail: (error: Error) => void = () => undefined;
    this.#failed = new Promise<never>((_, reject) => (fail = reject));
    this.#failed.catch(() => undefined);
    const onNews = (news: News): void => {
      if (news.kind === "audit") this.#audit(news, fail);
      if (news.kind === "certified") this.certified ??= news;
    };
    this.#seats = scene.keyrings.map((_, index) => {
      return new Seat({ index, size: scene.size, piece, folder: folderOf(index) }, onNews, fail);
    });
  }

  /** Starts all keepers, until every one is connected to every other. */
  async connect(): Promise<void> {
    const ready = await this.#all((seat) => seat.next("ready"));
    const endpoints: readonly Endpoint[] = ready.map(({ endpoint }) => endpoint);
    this.#tell({ kind: "members", endpoints });
    await sleep(500);
    const { firstHead } = this.scene;
    this.#mine(Array.from({ length: firstHead + 1 }, (_, number) => number));
    await this.#until(() => this.#seats.every(({ others }) => others === this.#seats.length - 1));
    await this.#until(() => this.#seats.every(({ handled }) => handled === firstHead));
  }

  /** A block after each pause, or later if a keeper has not handled the one before. @returns the last block */
  async mineTo(last: number, block_ms: number, paced: boolean): Promise<void> {
    while (this.#head < last && this.certified === undefined) {
      await sleep(block_ms);
      if (paced) await this.#until(() => this.#seats.every(({ handled }) => handled === this.#head));
      this.#mine([this.#head + 1]);
    }
  }

  async reports(): Promise<KeeperReport[]> {
    const answers = this.#all((seat) => seat.next("report"));
    this.#tell({ kind: "report" });
    return (await answers).map(({ report }) => report);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#seats.map((seat) => seat.stop()));
  }

  /** The hash of an audit block is chosen (see `RoundScene.block`), so the block must not have been mined before its announcement arrives. */
  #audit({ block, round }: Extract<News, { kind: "audit" }>, fail: (error: Error) => void): void {
    if (block > this.#head || this.#audits.has(block)) {
      this.#audits.add(block);
      return this.scene.audit(block, round);
    }
    const expected = `expected the announcement of audit block ${block} before block ${block} is mined`;
    fail(
      new Error(
        `${expected}, actual after block ${this.#head}: this machine is too busy for this measurement`,
      ),
    );
  }

  #mine(numbers: readonly number[]): void {
    this.#head = numbers.at(-1) ?? this.#head;
    this.#tell({ kind: "blocks", blocks: numbers.map((number) => this.scene.block(number)) });
  }

  #tell(order: Order): void {
    for (const seat of this.#seats) seat.tell(order);
  }

  #all<T>(of: (seat: Seat) => Promise<T>): Promise<T[]> {
    return Promise.race([Promise.all(this.#seats.map(of)), this.#failed]);
  }

  async #until(done: () => boolean): Promise<void> {
    while (!done()) await Promise.race([sleep(20), this.#failed]);
  }
}

/** Fills the stores, plays the round, and measures it. */
export async function measureLoopback(size: SceneSize, block_ms: number): Promise<LoopbackFigures> {
  installFastHashes();
  const folder = await mkdtemp(join(tmpdir(), "whitepay-loopback-"));
  const folderOf = (index: number): string => join(folder, `store-${index}`);
  try {
    return await withPiece(async (piece) => {
      const scene = new RoundScene(size, piece.list);
      for (const [index, keyring] of scene.keyrings.entries())
        await fill(folderOf(index), piece.list, eachRecordOf(keyring, scene.scope, piece));
      return play(scene, piece, folderOf, block_ms);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function play(
  scene: RoundScene,
  { list }: Piece,
  folderOf: (index: number) => string,
  block_ms: number,
): Promise<LoopbackFigures> {
  const entry = list.pieces.at(0);
  if (entry === undefined) throw new Error("the list of the measurement has no piece");
  const round = new Loopback(scene, { root: toHex(entry.root), size: entry.size }, folderOf);
  try {
    await round.connect();
    const { te, params, size } = scene;
    await round.mineTo(te - 1, Math.min(fast_ms, block_ms), true);
    await round.mineTo(te + params.turn, block_ms, false);
    const { certified } = round;
    if (certified === undefined) {
      const reasons = JSON.stringify((await round.reports()).map((report) => report.reasons));
      throw new Error(`expected a certificate in the turn of ${params.turn} blocks, actual none: ${reasons}`);
    }
    const reports = await round.reports();
    const mean = (of: (report: KeeperReport) => number): number =>
      reports.reduce((sum, report) => sum + of(report), 0) / reports.length;
    const certificate_ms = certified.at_ms - certified.opened_ms;
    return {
      ...size,
      block_ms,
      turn: params.turn,
      blocks: Math.ceil(certificate_ms / block_ms),
      certificate_ms,
      cpu_ms: mean((report) => report.cpu_ms),
      messagesSent: mean((report) => report.messagesSent),
      bytesSent: mean((report) => report.bytesSent),
      memory_MiB: Math.max(...reports.map((report) => report.memory_MiB)),
    };
  } finally {
    await round.stop();
  }
}
