/** Events and effects of the state machine as text, one a line: golden traces for unit tests. */
import { providerKey, providerText } from "../../protocol/records.ts";
import type { Effect, Transaction, Write } from "../../keeper/core/effects.ts";
import type { Event } from "../../keeper/core/events.ts";
import type { Body } from "../../protocol/messages.ts";

function eventText(event: Event): string {
  switch (event.kind) {
    case "blocks":
      return `block ${event.blocks.at(-1)?.number}`;
    case "hashes":
      return `hashes through block ${event.blocks.at(-1)?.number}`;
    case "message":
      return `${event.message.body.kind} of keeper ${event.message.keeper}`;
    case "committee":
      return `committee certified through ${event.snapshot.ts}`;
    case "answer":
      return `answer of ${providerText(event.name)} for slot ${event.slot}: ${event.answer.kind}`;
    case "fee":
      return `fee ${event.amount}`;
    case "submission":
      return `submission ${event.block === undefined ? "failed" : `mined in block ${event.block}`}`;
    case "aggregated":
      return `aggregated signatures of ${event.signers.join()}`;
    case "openings-checked":
      return `openings of keeper ${event.keeper} checked: ${event.fault ?? "valid"}`;
    case "consented":
      return `consent to version ${event.version} sent`;
    case "restored":
    case "peers":
    case "pulled":
    case "seed":
    case "opened":
    case "certificate":
    case "values":
    case "records":
    case "packed":
    case "pages":
      return event.kind;
  }
}

function writeText(write: Write): string {
  switch (write.kind) {
    case "record":
      return `record of ${providerText(write.record)}, slot ${write.record.slot}: ${write.record.outcome.kind}`;
    case "note":
      return `note for ts ${write.ts}, turn ${write.turn}`;
    case "certificate":
      return `certificate for ts ${write.ts}, turn ${write.turn}`;
    case "own":
      return `own values for ts ${write.own.ts}, turn ${write.own.turn}`;
    case "before":
      return `bytes before ${write.ts}: ${write.bytes.map(({ value }) => value).join()}`;
    case "consent":
      return `consent to version ${write.version}`;
    case "head":
      return `head ${write.head}`;
    case "salt":
      return "salt";
  }
}

function bodyText(body: Body): string {
  switch (body.kind) {
    case "announce":
      return `announce at head ${body.head}, ${body.count} in scope`;
    case "close":
      return `close with keepers ${body.commits.map(({ keeper }) => keeper).join()}, audit block ${body.auditBlock}`;
    case "reveal":
      return `reveal with values ${body.values.kind === "inline" ? body.values.values.join() : "in pages"}`;
    case "bundle":
      return `bundle with keepers ${body.reveals.map(({ keeper }) => keeper).join()}`;
    case "proposal":
      return `proposal, pinned providers: ${body.pinned.map(providerKey).join() || "none"}`;
    case "commit":
    case "hello":
    case "partial":
      return body.kind;
  }
}

function effectText(effect: Effect): string {
  switch (effect.kind) {
    case "persist":
      return `persist ${effect.writes.map(writeText).join("; ")}`;
    case "book":
      return `book record of ${providerText(effect.record)}, slot ${effect.record.slot}`;
    case "broadcast":
      return `broadcast ${bodyText(effect.body)}`;
    case "pass-on":
      return `pass on ${effect.message.body.kind} of keeper ${effect.message.keeper}`;
    case "make-seed":
      return `make-seed for ${effect.operator}, slot ${effect.slot}`;
    case "challenge":
      return `challenge for ${effect.targets.map(providerText).join("; ")}, slot ${effect.slot}`;
    case "check-openings":
      return `check openings of keeper ${effect.reveal.keeper}`;
    case "aggregate":
      return `aggregate signatures of ${effect.partials.map(({ keeper }) => keeper).join()}`;
    case "pull":
      return `ask keeper ${effect.keeper} for turn ${effect.turn}`;
    case "submit":
      return submitText(effect.transaction);
    case "prune":
      return `prune before ${effect.ts}`;
    case "evidence":
      return `store evidence: two ${effect.second.body.kind} messages of keeper ${effect.second.keeper}`;
    case "reason":
      return `reason ${effect.code}: ${effect.detail}`;
    case "consent":
      return `consent to version ${effect.version}`;
    case "open":
    case "ask-certificate":
    case "serve-pages":
    case "fetch-values":
    case "sign-digest":
    case "gather-records":
    case "pack-pages":
    case "fetch-pages":
    case "ask-fee":
      return effect.kind;
  }
}

function submitText({ kind, run, ...rest }: Transaction): string {
  const groups = `groups ${run.first} to ${run.first + run.length - 1}`;
  return "signers" in rest ? `${kind} ${groups}, signers ${rest.signers.toString(2)}` : `${kind} ${groups}`;
}

/** Head, hellos and questions for hellos come with almost every block and belong to no stage. */
function isRoutine(effect: Effect): boolean {
  if (effect.kind === "persist") return effect.writes.every(({ kind }) => kind === "head");
  if (effect.kind === "broadcast") return effect.body.kind === "hello";
  return effect.kind === "pull" && effect.turn === 0;
}

/** The event, then each of its effects with an arrow. Blocks without an effect are left out. */
export function stepText(event: Event, effects: readonly Effect[]): string[] {
  const lines = effects.filter((effect) => !isRoutine(effect)).map((effect) => `  → ${effectText(effect)}`);
  if (event.kind === "blocks" && lines.length === 0) return [];
  return [eventText(event), ...lines];
}
