/** Records what storing reports: in the log and in the metrics. */
import type { Logger } from "pino";
import { counted } from "../../protocol/counted.ts";
import type { ProviderFigures } from "../metrics.ts";
import type { StoreEvents } from "./ports.ts";

/** A full disk would log the same fault at every range. */
const faultEvery_ms = 60_000;
const maxFaultTexts = 256;

export function recordStoreEvents(log: Logger, figures: ProviderFigures): StoreEvents {
  const faultLogged_ms = new Map<string, number>();
  return {
    accepted: (event) => log.info(event, `a request to store ${counted(event.bytes, "byte")} is accepted`),
    refused(event) {
      // Strangers can cause many of these.
      log.debug(event, "a request to store is refused");
      figures.storeRefused(event.code);
    },
    received: ({ bytes }) => figures.received(bytes),
    whole: (event) => log.info(event, "a piece is whole"),
    consented: (event) => log.info(event, `consent to ${counted(event.bytes, "byte")} is given`),
    committed: (event) => log.info(event, `the group commits to ${counted(event.bytes, "byte")}`),
    over: (event) =>
      log.info(event, `the group commits to a list no more; its data is deleted after block ${event.until}`),
    dropped(event) {
      figures.dropped(event.bytes);
      log.info(event, `${counted(event.bytes, "byte")} deleted: ${event.reason}`);
    },
    swept: (event) => log.info(event, "parts of a piece deleted, which no request named"),
    fault({ text }) {
      const now_ms = performance.now();
      if (now_ms - (faultLogged_ms.get(text) ?? Number.NEGATIVE_INFINITY) < faultEvery_ms) return;
      if (faultLogged_ms.size >= maxFaultTexts) faultLogged_ms.clear();
      faultLogged_ms.set(text, now_ms);
      log.warn(text);
    },
  };
}
