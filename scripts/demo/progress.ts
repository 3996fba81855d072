/** Progress of the demo: a line for each event and, on a terminal, one live status line. */

const clearLine = "\r\u001b[2K";

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #live: boolean;
  readonly #started = performance.now();
  #status = "";
  #ended = false;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
    this.#live = stream.isTTY;
  }

  /** Prints a line for an event. */
  event(text: string): void {
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1).padStart(5);
    this.#stream.write(`${this.#live ? clearLine : ""}[${seconds} s] ${text}\n`);
    this.#draw();
  }

  /** Whether the status line is shown. */
  get live(): boolean {
    return this.#live && !this.#ended;
  }

  /** Replaces the status line; on a terminal only. */
  status(text: string): void {
    if (!this.live) return;
    this.#status = text;
    this.#draw();
  }

  /** Removes the status line for good. */
  end(): void {
    this.#ended = true;
    if (this.#live && this.#status !== "") this.#stream.write(clearLine);
    this.#status = "";
  }

  #draw(): void {
    if (!this.#live || this.#status === "") return;
    const width = Math.max(20, this.#stream.columns ?? 80) - 1;
    const text = this.#status.length > width ? `${this.#status.slice(0, width - 1)}…` : this.#status;
    this.#stream.write(`${clearLine}${text}`);
  }
}

/** `[########........] 12/30` */
export function bar(done: number, total: number, width = 16): string {
  const filled = Math.min(width, Math.max(0, Math.round((width * done) / total)));
  return `[${"#".repeat(filled)}${".".repeat(width - filled)}] ${done}/${total}`;
}
