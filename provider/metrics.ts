/** A provider's metrics for Prometheus. */
import { MetricSet } from "../daemon/http/metrics.ts";
import type { MetricTable } from "../daemon/http/metrics.ts";
import type { GroupDocument, ProviderStatus, VolumeDocument } from "./api/schemas.ts";

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
  whitepay_head_block: { kind: "gauge", help: "Highest block seen by this provider.", labels: [] },
  whitepay_provider_answers_total: {
    kind: "counter",
    help: "Challenges of keepers since the start, by outcome: whole (all leaves proven), partial (some), failed (none, or refused).",
    labels: ["group", "outcome"],
  },
  whitepay_provider_answer_failures_total: {
    kind: "counter",
    help: "Challenges since the start of which less than all leaves were proven, by reason: lost-data, or the code of the refusal.",
    labels: ["group", "reason"],
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
  whitepay_provider_read_bytes_total: {
    kind: "counter",
    help: "Bytes of pieces that were sent to readers over HTTP since the start.",
    labels: [],
  },
  whitepay_provider_read_paid_bytes_total: {
    kind: "counter",
    help: "Part of whitepay_provider_read_bytes_total for which readers owe or have paid money.",
    labels: [],
  },
  whitepay_provider_read_owed: {
    kind: "gauge",
    help: "Token units that readers owe beyond their newest vouchers: at most one range each.",
    labels: [],
  },
  whitepay_provider_read_claimable: {
    kind: "gauge",
    help: "Token units that readers' newest vouchers are worth and that are not redeemed yet.",
    labels: [],
  },
  whitepay_provider_waiting_bytes: {
    kind: "gauge",
    help: "Bytes of accepted requests to which no group commits yet.",
    labels: [],
  },
  whitepay_provider_group_unreadable: {
    kind: "gauge",
    help: "1 if the group's contract cannot be read from the chain.",
    labels: ["group"],
  },
  whitepay_provider_group_credit: {
    kind: "gauge",
    help: "Token units that this provider may withdraw from the group.",
    labels: ["group"],
  },
  whitepay_provider_group_arrears: {
    kind: "gauge",
    help: "Token units that the group owes to this provider and cannot pay.",
    labels: ["group"],
  },
  whitepay_provider_group_coming: {
    kind: "gauge",
    help: "Token units earned since the group's last settlement, at the share proven of the last settled interval.",
    labels: ["group"],
  },
  whitepay_provider_group_runway_seconds: {
    kind: "gauge",
    help: "Time until the payer's money is spent; none if it never is, or without chain.lens in the configuration.",
    labels: ["group"],
  },
  whitepay_provider_group_reserved_seconds: {
    kind: "gauge",
    help: "Part of that time that is paid from the reserve, which the payer cannot withdraw.",
    labels: ["group"],
  },
  whitepay_provider_memory_bytes: { kind: "gauge", help: "Resident memory of the process.", labels: [] },
  whitepay_provider_uptime_seconds: {
    kind: "gauge",
    help: "Time since the start of the process.",
    labels: [],
  },
} as const satisfies MetricTable;

/** Gauges with labels of volumes and groups: their values are removed when a volume or group is gone. */
const passing = [
  "whitepay_provider_volume_usable",
  "whitepay_provider_volume_free_bytes",
  "whitepay_provider_volume_stored_bytes",
  "whitepay_provider_group_unreadable",
  "whitepay_provider_group_credit",
  "whitepay_provider_group_arrears",
  "whitepay_provider_group_coming",
  "whitepay_provider_group_runway_seconds",
  "whitepay_provider_group_reserved_seconds",
] as const;

/** In token units. */
type ReadSums = { readonly owed: bigint; readonly claimable: bigint };

export class ProviderFigures {
  readonly #metrics = new MetricSet(providerMetrics);
  readonly #status: () => Promise<ProviderStatus>;
  #waitingBytes: () => number = () => 0;
  #readSums: () => ReadSums = () => ({ owed: 0n, claimable: 0n });

  constructor(status: () => Promise<ProviderStatus>) {
    this.#status = status;
  }

  /** @param read bytes of accepted requests to which no group commits yet */
  waitingBytes(read: () => number): void {
    this.#waitingBytes = read;
  }

  /** @param read what readers owe, and what their vouchers are worth (R47) */
  readSums(read: () => ReadSums): void {
    this.#readSums = read;
  }

  /** Bytes that were sent to readers over HTTP. */
  read(bytes: number, isPaid: boolean): void {
    this.#metrics.add("whitepay_provider_read_bytes_total", {}, bytes);
    if (isPaid) this.#metrics.add("whitepay_provider_read_paid_bytes_total", {}, bytes);
  }

  get waiting(): number {
    return this.#waitingBytes();
  }

  received(bytes: number): void {
    this.#metrics.add("whitepay_provider_received_bytes_total", {}, bytes);
  }

  dropped(bytes: number): void {
    this.#metrics.add("whitepay_provider_dropped_bytes_total", {}, bytes);
  }

  storeRefused(code: string): void {
    this.#metrics.add("whitepay_provider_store_refusals_total", { code });
  }

  answered(answer: { group: string; proven: number; bytesProven: bigint; bytesCommitted: bigint }): void {
    const { group, proven, bytesProven, bytesCommitted } = answer;
    const outcome = proven === sampleLeaves ? "whole" : proven === 0 ? "failed" : "partial";
    this.#metrics.add("whitepay_provider_answers_total", { group, outcome });
    this.#metrics.set("whitepay_provider_proven_bytes", { group }, Number(bytesProven));
    this.#metrics.set("whitepay_provider_committed_bytes", { group }, Number(bytesCommitted));
    if (outcome !== "whole")
      this.#metrics.add("whitepay_provider_answer_failures_total", { group, reason: "lost-data" });
  }

  refused({ group, code: reason }: { readonly group: string; readonly code: string }): void {
    this.#metrics.add("whitepay_provider_answers_total", { group, outcome: "failed" });
    this.#metrics.add("whitepay_provider_answer_failures_total", { group, reason });
  }

  async text(): Promise<string> {
    const status = await this.#status();
    // A volume that was removed from the settings, or a group that left, is shown no longer.
    for (const name of passing) this.#metrics.reset(name);
    const set = (name: keyof typeof providerMetrics, value: number): void => {
      this.#metrics.set(name, {}, value);
    };
    if (status.head !== null) set("whitepay_head_block", status.head);
    set("whitepay_head_age_seconds", status.headAge_s);
    set("whitepay_head_age_limit_seconds", status.headAgeLimit_s);
    set("whitepay_provider_scrub_read_bytes", status.scrub?.readBytes ?? 0);
    set("whitepay_provider_scrub_total_bytes", status.scrub?.totalBytes ?? 0);
    set("whitepay_provider_damaged_pieces", status.scrub?.damaged.length ?? 0);
    set("whitepay_provider_waiting_bytes", status.waitingBytes);
    const { owed, claimable } = this.#readSums();
    set("whitepay_provider_read_owed", Number(owed));
    set("whitepay_provider_read_claimable", Number(claimable));
    set("whitepay_provider_memory_bytes", process.memoryUsage.rss());
    set("whitepay_provider_uptime_seconds", process.uptime());
    for (const volume of status.volumes) this.#setVolume(volume);
    for (const group of status.groups) this.#setGroup(group);
    return this.#metrics.registry.metrics();
  }

  #setVolume({ path: volume, condition, freeBytes, storedBytes }: VolumeDocument): void {
    const isUsable = condition !== "gone" && condition !== "read-only";
    this.#metrics.set("whitepay_provider_volume_usable", { volume }, isUsable ? 1 : 0);
    this.#metrics.set("whitepay_provider_volume_free_bytes", { volume }, freeBytes);
    this.#metrics.set("whitepay_provider_volume_stored_bytes", { volume }, storedBytes);
  }

  #setGroup({ group, fault, money }: GroupDocument): void {
    const set = (name: (typeof passing)[number], value: number | null): void => {
      if (value !== null) this.#metrics.set(name, { group }, value);
    };
    set("whitepay_provider_group_unreadable", fault === null ? 0 : 1);
    if (money === null) return;
    set("whitepay_provider_group_credit", Number(money.credit));
    set("whitepay_provider_group_arrears", Number(money.arrears));
    set("whitepay_provider_group_coming", Number(money.coming));
    set("whitepay_provider_group_runway_seconds", money.runway_s);
    set("whitepay_provider_group_reserved_seconds", money.reserved_s);
  }
}
