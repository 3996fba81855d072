/** A provider's metrics for Prometheus and its readiness, over HTTP. The server runs only if the configuration names its address. */
import { createServer } from "node:http";
import type { Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Counter, Gauge, Registry } from "prom-client";
import type { HeadLook } from "../daemon/chain/pace.ts";
import type { VolumeLook } from "../storage/disk/volumes/volume-set.ts";
import type { ScrubState } from "./scrub-state.ts";

const maxConnections = 32;
const requestTimeout_ms = 10_000;
const sampleLeaves = 16;

/** Source of docs/metrics.md, with the keeper's table. */
export const providerMetrics = {
  whitepay_head_age_seconds: {
    kind: "gauge",
    help: "Age of the newest block seen: time since it arrived or since its timestamp, whichever is longer.",
    labels: [],
  },
  whitepay_head_age_limit_seconds: {
    kind: "gauge",
    help: "Limit for the head's age, above which the provider is not ready: the larger of 10 s and five times the 95th percentile of the last 100 block times.",
    labels: [],
  },
  whitepay_provider_answers_total: {
    kind: "counter",
    help: "Challenges of keepers since the start, by outcome: whole (all leaves proven), partial (some), failed (none, or refused).",
    labels: ["group", "outcome"],
  },
  whitepay_provider_proven_bytes: {
    kind: "gauge",
    help: "Bytes proven in the last answer.",
    labels: ["group"],
  },
  whitepay_provider_committed_bytes: {
    kind: "gauge",
    help: "Bytes committed in the slot of the last answer.",
    labels: ["group"],
  },
  whitepay_provider_volume_usable: {
    kind: "gauge",
    help: "1 for a volume that is there and takes writes, 0 for one that is gone or read-only.",
    labels: ["volume"],
  },
  whitepay_provider_volume_free_bytes: {
    kind: "gauge",
    help: "Bytes that new pieces may take on the volume.",
    labels: ["volume"],
  },
  whitepay_provider_volume_stored_bytes: {
    kind: "gauge",
    help: "Bytes of the pieces on the volume, with their trees.",
    labels: ["volume"],
  },
  whitepay_provider_scrub_read_bytes: {
    kind: "gauge",
    help: "Bytes that the present pass of the scrub has read and compared.",
    labels: [],
  },
  whitepay_provider_scrub_total_bytes: {
    kind: "gauge",
    help: "Bytes of all pieces, which a pass of the scrub reads within 30 days.",
    labels: [],
  },
  whitepay_provider_damaged_pieces: {
    kind: "gauge",
    help: "Pieces that were damaged or missing when the scrub read them last.",
    labels: [],
  },
  whitepay_provider_received_bytes_total: {
    kind: "counter",
    help: "Bytes of payers' data that were received, verified and stored since the start.",
    labels: [],
  },
  whitepay_provider_dropped_bytes_total: {
    kind: "counter",
    help: "Bytes of payers' data that were deleted since the start: never committed to, or committed to no more.",
    labels: [],
  },
  whitepay_provider_store_refusals_total: {
    kind: "counter",
    help: "Requests to store that were refused since the start, by code.",
    labels: ["code"],
  },
  whitepay_provider_waiting_bytes: {
    kind: "gauge",
    help: "Bytes of accepted requests to which no group commits yet.",
    labels: [],
  },
} as const;

export type Served = { readonly url: string; stop(): Promise<void> };

/** What the gauges about stored data show. */
export type StoredLook = {
  readonly volumes: readonly Pick<VolumeLook, "path" | "condition" | "freeBytes" | "storedBytes">[];
  readonly scrub: Pick<ScrubState, "readBytes" | "totalBytes" | "damaged"> | undefined;
};

export class ProviderFigures {
  readonly #registry = new Registry();
  readonly #look: () => HeadLook;
  readonly #problems: () => readonly string[];
  readonly #stored: () => StoredLook;
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  #waitingBytes: () => number = () => 0;

  /** @param problems reasons why the provider is not ready */
  constructor(look: () => HeadLook, problems: () => readonly string[], stored: () => StoredLook) {
    this.#look = look;
    this.#problems = problems;
    this.#stored = stored;
    const registers = [this.#registry];
    for (const [name, { kind, help, labels }] of Object.entries(providerMetrics)) {
      const options = { name, help, labelNames: [...labels], registers };
      if (kind === "counter") this.#counters.set(name, new Counter(options));
      else this.#gauges.set(name, new Gauge(options));
    }
  }

  /** @param read bytes of accepted requests to which no group commits yet */
  waitingBytes(read: () => number): void {
    this.#waitingBytes = read;
  }

  received(bytes: number): void {
    this.#counters.get("whitepay_provider_received_bytes_total")?.inc(bytes);
  }

  dropped(bytes: number): void {
    this.#counters.get("whitepay_provider_dropped_bytes_total")?.inc(bytes);
  }

  storeRefused(code: string): void {
    this.#counters.get("whitepay_provider_store_refusals_total")?.inc({ code });
  }

  answered(answer: { group: string; proven: number; bytesProven: bigint; bytesCommitted: bigint }): void {
    const { group, proven, bytesProven, bytesCommitted } = answer;
    const outcome = proven === sampleLeaves ? "whole" : proven === 0 ? "failed" : "partial";
    this.#counters.get("whitepay_provider_answers_total")?.inc({ group, outcome });
    this.#gauges.get("whitepay_provider_proven_bytes")?.set({ group }, Number(bytesProven));
    this.#gauges.get("whitepay_provider_committed_bytes")?.set({ group }, Number(bytesCommitted));
  }

  refused(group: string): void {
    this.#counters.get("whitepay_provider_answers_total")?.inc({ group, outcome: "failed" });
  }

  async text(): Promise<string> {
    const { age_s, limit_s } = this.#look();
    this.#gauges.get("whitepay_head_age_seconds")?.set(age_s);
    this.#gauges.get("whitepay_head_age_limit_seconds")?.set(limit_s);
    this.#setStored();
    this.#gauges.get("whitepay_provider_waiting_bytes")?.set(this.#waitingBytes());
    return this.#registry.metrics();
  }

  #setStored(): void {
    const { volumes, scrub } = this.#stored();
    const gauge = (name: string): Gauge => this.#gauges.get(`whitepay_provider_${name}`) as Gauge;
    // A volume that was removed from the settings is shown no longer.
    for (const name of ["volume_usable", "volume_free_bytes", "volume_stored_bytes"]) gauge(name).reset();
    for (const { path: volume, condition, freeBytes, storedBytes } of volumes) {
      gauge("volume_usable").set({ volume }, condition === "gone" || condition === "read-only" ? 0 : 1);
      gauge("volume_free_bytes").set({ volume }, freeBytes);
      gauge("volume_stored_bytes").set({ volume }, storedBytes);
    }
    gauge("scrub_read_bytes").set(scrub?.readBytes ?? 0);
    gauge("scrub_total_bytes").set(scrub?.totalBytes ?? 0);
    gauge("damaged_pieces").set(scrub?.damaged.length ?? 0);
  }

  /** Serves `/metrics`, `/healthz` and `/readyz`. */
  async serve(host: string, port: number): Promise<Served> {
    const server = createServer((request, response) => {
      this.#answer(request.method ?? "", request.url ?? "", response).catch(() => response.destroy());
    });
    server.maxConnections = maxConnections;
    server.requestTimeout = server.headersTimeout = requestTimeout_ms;
    await listening(server, host, port);
    const bound = (server.address() as AddressInfo).port;
    return {
      url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`,
      stop: () =>
        new Promise((done) => {
          server.close(() => done());
          server.closeAllConnections();
        }),
    };
  }

  async #answer(method: string, url: string, response: ServerResponse): Promise<void> {
    const path = url.split("?")[0];
    if (method === "GET" && path === "/metrics") {
      return send(response, 200, await this.text(), "text/plain; version=0.0.4; charset=utf-8");
    }
    if (method === "GET" && path === "/healthz") return send(response, 200, { status: "alive" });
    if (method === "GET" && path === "/readyz") {
      const look = this.#look();
      const problems = this.#problems();
      const ready = problems.length === 0;
      const { age_s: headAge_s, limit_s: headAgeLimit_s } = look;
      return send(response, ready ? 200 : 503, { ready, problems, headAge_s, headAgeLimit_s });
    }
    send(response, 404, {
      error: "no such page",
      expected: "GET /metrics, /healthz or /readyz",
      actual: `${method} ${(path ?? "").slice(0, 80)}`,
    });
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: string | object,
  type = "application/json; charset=utf-8",
): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const headers = { "content-type": type, "cache-control": "no-store", "x-content-type-options": "nosniff" };
  response.writeHead(status, headers).end(text);
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
