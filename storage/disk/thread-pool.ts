/**
 * A fixed number of threads for work that would block the event loop. Threads start with the first tasks, and end with the process: an idle
 * one does not keep it alive. A task may fail; its thread goes on.
 */
import { Worker } from "node:worker_threads";
import type { Transferable as Moved } from "node:worker_threads";

export type ThreadReply<Done> =
  | { readonly ok: true; readonly done: Done }
  /** `name` of the error's class, for errors that the caller tells apart. */
  | { readonly ok: false; readonly name: string; readonly message: string };

/** A task failed in its thread. */
export class ThreadTaskError extends Error {
  override readonly name = "ThreadTaskError";
  /** Name of the error's class in the thread. */
  readonly kind: string;
  constructor(kind: string, message: string) {
    super(message);
    this.kind = kind;
  }
}

type Job<Task, Done> = {
  readonly task: Task;
  readonly moved: readonly Moved[];
  readonly resolve: (done: Done) => void;
  readonly reject: (error: Error) => void;
};

export class ThreadPool<Task, Done> {
  readonly #file: URL;
  readonly #most: number;
  #started = 0;
  readonly #idle: Worker[] = [];
  /** In the order of arrival. The callers bound their number. */
  readonly #waiting: Job<Task, Done>[] = [];
  readonly #working = new Map<Worker, Job<Task, Done>>();

  /** @param most number of threads */
  constructor(file: URL, most: number) {
    this.#file = file;
    this.#most = Math.max(1, most);
  }

  /** Number of tasks that keep all threads busy: for each thread one under way and one that waits. */
  get width(): number {
    return 2 * this.#most;
  }

  /** @param moved buffers that go to the thread: the caller cannot use them afterwards. @throws ThreadTaskError if the task fails */
  run(task: Task, moved: readonly Moved[] = []): Promise<Done> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, moved, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    const job = this.#waiting[0];
    if (job === undefined) return;
    const thread = this.#idle.pop() ?? (this.#started < this.#most ? this.#start() : undefined);
    if (thread === undefined) return;
    this.#waiting.shift();
    this.#working.set(thread, job);
    thread.ref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a browser window
    thread.postMessage(job.task, [...job.moved]);
  }

  #start(): Worker {
    this.#started++;
    const thread = new Worker(this.#file);
    thread.on("message", (reply: ThreadReply<Done>) => {
      const job = this.#working.get(thread);
      this.#working.delete(thread);
      thread.unref();
      this.#idle.push(thread);
      if (reply.ok) job?.resolve(reply.done);
      else job?.reject(new ThreadTaskError(reply.name, reply.message));
      this.#next();
    });
    // The thread itself ended: out of memory, for example. The others go on, and another one may start.
    thread.on("error", (error) => this.#ended(thread, error as Error));
    thread.on("exit", (code) => this.#ended(thread, new Error(`a thread ended with code ${code}`)));
    return thread;
  }

  #ended(thread: Worker, error: Error): void {
    const at = this.#idle.indexOf(thread);
    const job = this.#working.get(thread);
    if (at === -1 && job === undefined) return;
    this.#started--;
    if (at !== -1) this.#idle.splice(at, 1);
    this.#working.delete(thread);
    job?.reject(error);
    this.#next();
  }
}
