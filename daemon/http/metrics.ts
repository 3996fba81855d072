/** Metrics for Prometheus from a table of their names, which docs/metrics.md shows too. */
import { Counter, Gauge, Registry } from "prom-client";

type Definition = {
  readonly kind: "counter" | "gauge";
  readonly help: string;
  readonly labels: readonly string[];
};

export type MetricTable = Readonly<Record<string, Definition>>;

export const counter = (help: string, ...labels: string[]): Definition => ({ kind: "counter", help, labels });
export const gauge = (help: string, ...labels: string[]): Definition => ({ kind: "gauge", help, labels });

type Labels = Readonly<Record<string, string>>;

export class MetricSet<Table extends MetricTable> {
  readonly registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();

  constructor(table: Table) {
    for (const [name, { kind, help, labels }] of Object.entries(table)) {
      const options = { name, help, labelNames: [...labels], registers: [this.registry] };
      if (kind === "counter") this.#counters.set(name, new Counter(options));
      else this.#gauges.set(name, new Gauge(options));
    }
  }

  add(name: keyof Table & string, labels: Labels = {}, amount = 1): void {
    this.#counters.get(name)?.inc({ ...labels }, amount);
  }

  set(name: keyof Table & string, labels: Labels, value: number): void {
    this.#gauges.get(name)?.set({ ...labels }, value);
  }

  /** Removes all values of a gauge, before those of existing peers, groups or volumes are set. */
  reset(name: keyof Table & string): void {
    this.#gauges.get(name)?.reset();
  }
}
