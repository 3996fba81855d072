/** A progress bar with its rate; only at a terminal. */
import { Presets, SingleBar } from "cli-progress";

export type Progress = {
  /** Shows `done` of `total` and an additional text; the bar closes at 100 %. */
  update(done: number, beside?: string): void;
  /** Closes the bar before 100 %. */
  stop(): void;
};

export type ProgressOptions = {
  readonly label: string;
  /** In the unit of `update`. */
  readonly total: number;
  /** Formats amounts and amounts per second; whole numbers by default. */
  readonly format?: (amount: number) => string;
  /** For tests; stderr by default. */
  readonly stream?: NodeJS.WriteStream;
  readonly now_ms?: () => number;
};

const whole = (amount: number): string => String(Math.floor(amount));

/** A bar on stderr, or undefined when stderr is no terminal: `bar?.update(done)`. */
export function progressBar(options: ProgressOptions): Progress | undefined {
  const { label, total, format = whole, stream = process.stderr, now_ms = () => performance.now() } = options;
  if (!stream.isTTY) return undefined;
  const bar = new SingleBar(
    {
      format: `${label} [{bar}] {percentage} % of {size}, {rate}/s, {left}{beside}`,
      stream,
      barsize: 24,
      hideCursor: true,
      clearOnComplete: false,
      stopOnComplete: true,
      noTTYOutput: false,
      etaAsynchronousUpdate: false,
    },
    Presets.shades_classic,
  );
  const started_ms = now_ms();
  const shown = (done: number, beside?: string): object => {
    const rate = (done * 1000) / Math.max(1, now_ms() - started_ms);
    const left = done >= total ? "done" : rate > 0 ? `${Math.ceil((total - done) / rate)} s left` : "waiting";
    return {
      size: format(total),
      rate: format(rate),
      left,
      beside: beside === undefined ? "" : `; ${beside}`,
    };
  };
  bar.start(total, 0, shown(0));
  return {
    update: (done, beside) => bar.update(Math.min(done, total), shown(done, beside)),
    stop: () => bar.stop(),
  };
}

/** Bytes with a binary unit, for example "1.5 GiB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.floor(value) : value.toFixed(1)} ${units[unit]}`;
}
