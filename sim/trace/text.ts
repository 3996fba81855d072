/** A run as text, one line for each event. */
import type { Fault } from "../scenario/schema.ts";
import type { RunEvent } from "./events.ts";

/** One line for each event, without hellos and the questions for them. */
export function traceOf(events: readonly RunEvent[]): string[] {
  return events.flatMap((event) => {
    const words = inWords(event);
    return words === undefined ? [] : [`block ${event.block}: ${words}`];
  });
}

/** Undefined for events that are too frequent for the text. */
export function inWords(event: RunEvent): string | undefined {
  switch (event.kind) {
    case "head":
      return undefined;
    case "turn":
      return `${event.committee === 0 ? "" : `committee ${event.committee}: `}turn ${event.turn} of the interval from ${event.ts} begins, led by keeper ${event.leader}, until block ${event.to - 1}`;
    case "said":
      return event.round === undefined ? undefined : said(event);
    case "asked": {
      if (event.question === "pull" && event.answered) return undefined;
      const outcome = event.answered ? "answered" : "no answer";
      return `keeper ${event.keeper} asks keeper ${event.of} for ${event.question}: ${outcome}`;
    }
    case "noted":
      return `keeper ${event.keeper} notes ${event.code}: ${event.detail}`;
    case "fault":
      return `fault ${event.fault.kind}${at(event.keepers)}${parameters(event.fault)}`;
    case "fault-over":
      return `fault ${event.fault.kind} is over${event.id === 0 ? "" : ` (number ${event.id + 1})`}`;
    case "settled":
      return settled(event);
    case "taken-back":
      return `a reorg takes back the settlement ${event.ts}-${event.te} of group ${event.group}`;
    case "violation":
      return `VIOLATION of ${event.checker}: ${event.text}`;
  }
}

function at(keepers: readonly number[]): string {
  return keepers.length === 0 ? "" : ` at keeper ${keepers.join(", ")}`;
}

/** All fields of a fault except kind, time and keeper, as in a scenario file. */
function parameters(fault: Fault): string {
  const rest = Object.entries(fault).filter(([name]) => !["kind", "when", "keeper"].includes(name));
  return rest.map(([name, value]) => `, ${name} ${JSON.stringify(value)}`).join("");
}

function said({ keeper, message, round, arrivals }: RunEvent & { kind: "said" }): string {
  const where = round === undefined ? "" : ` (ts ${round.ts}, turn ${round.turn})`;
  const hearers = [...new Set(arrivals.map((a) => a.keeper))].sort((a, b) => a - b);
  return `keeper ${keeper} says ${message}${where} to ${hearers.length === 0 ? "nobody" : hearers.join(", ")}`;
}

function settled(event: RunEvent & { kind: "settled" }): string {
  const { group, ts, te, turn, leader, sender, failed, payees, paid } = event;
  const by = sender === leader ? "" : `, sent by ${sender}`;
  const list = (indices: readonly number[]): string => (indices.length === 0 ? "none" : indices.join(", "));
  const credits = paid.map(({ to, index, units }) => `${to} ${index} +${units}`);
  return (
    `group ${group} settled ${ts}-${te} in turn ${turn}, led by ${leader}${by}; failed: ${list(failed)}; payees: ${list(payees)}; ` +
    (credits.length === 0 ? "nobody is paid" : credits.join(", "))
  );
}
