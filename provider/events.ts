/** Records what the responders report: in the log, in the journal and in the metrics. */
import type { Logger } from "pino";
import type { JournalWriter } from "./journal.ts";
import type { ProviderFigures } from "./metrics.ts";
import type { ProviderEvents } from "./ports.ts";

/** Refusals that this provider's operator must act on: its data, disk, chain endpoint or keys. */
const ownFaults = new Set(["no-data", "internal"]);

/** Every challenge would log the same damage again. */
const damageEvery_ms = 60_000;
const maxDamageTexts = 1024;

export type EventSinks = {
  readonly log: Logger;
  readonly journal: Pick<JournalWriter, "append">;
  readonly figures: ProviderFigures;
  /** The provider's head, noted when an answer leaves. */
  readonly head: () => Promise<number>;
};

export function recordEvents({ log, journal, figures, head }: EventSinks): ProviderEvents {
  const damageLogged_ms = new Map<string, number>();
  const time_ms = (): number => Date.now();
  return {
    answered(event) {
      figures.answered(event);
      const bytesProven = String(event.bytesProven);
      const bytesCommitted = String(event.bytesCommitted);
      const { lost, ...fields } = event;
      log.info({ ...fields, bytesProven, bytesCommitted }, "challenge answered");
      const append = (answeredAt: number): void =>
        journal.append({
          kind: "answered",
          time_ms: time_ms(),
          ...fields,
          bytesProven,
          bytesCommitted,
          answeredAt,
          lost: [...lost],
        });
      head().then(append, () => append(event.askedAt));
    },
    repeated(event) {
      log.info(event, "challenge answered again, with the same bytes");
      journal.append({ kind: "repeated", time_ms: time_ms(), ...event });
    },
    refused(event) {
      log[ownFaults.has(event.code) ? "warn" : "info"](event, "challenge refused");
      figures.refused(event);
      const { peer: _, ...fields } = event;
      journal.append({ kind: "refused", time_ms: time_ms(), ...fields });
    },
    // The journal is bounded: requests of strangers must not displace those of keepers. They count in no metric.
    turnedAway(event) {
      log.info(event, "challenge of no keeper, or for no group here: refused");
    },
    served(event) {
      log.debug(event, "range served to the payer");
      const { peer: _, ...fields } = event;
      journal.append({ kind: "served", time_ms: time_ms(), ...fields });
    },
    damaged({ text }) {
      const now_ms = performance.now();
      if (now_ms - (damageLogged_ms.get(text) ?? Number.NEGATIVE_INFINITY) < damageEvery_ms) return;
      if (damageLogged_ms.size >= maxDamageTexts) damageLogged_ms.clear();
      damageLogged_ms.set(text, now_ms);
      log.error(text);
    },
  };
}
