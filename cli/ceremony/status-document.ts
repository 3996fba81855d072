/** What `ceremony status` and `GET /v1/status` show. */
import { responseName } from "./files.ts";
import type { CeremonyState, Missed } from "../../ceremony/running/queue.ts";

type ShownMissed = Missed & { readonly name: string };

export type StatusDocument = {
  readonly ceremony: string;
  readonly title: string;
  readonly curve: string;
  readonly power: number;
  readonly phase: CeremonyState["phase"];
  readonly now_s: number;
  readonly queue: readonly {
    readonly position: number;
    readonly participant: string;
    readonly name: string;
  }[];
  readonly slot: {
    readonly participant: string;
    readonly name: string;
    readonly index: number;
    readonly started_s: number;
    readonly ends_s: number;
    /** The response is there, and is being verified. */
    readonly submitted: boolean;
  } | null;
  readonly contributions: readonly {
    readonly index: number;
    readonly participant: string;
    readonly name: string;
    readonly file: string;
    readonly blake2b: string;
    readonly accepted_s: number;
    readonly attestations: number;
    readonly settled: boolean;
  }[];
  readonly lost: readonly ShownMissed[];
  readonly refused: readonly ShownMissed[];
  readonly announced: CeremonyState["announced"] | null;
  readonly beacon: { readonly index: number; readonly value: string; readonly file: string } | null;
};

export function statusOf(state: CeremonyState, now_s: number): StatusDocument {
  const { definition, people, slot, announced, beacon } = state;
  const nameOf = (participant: string): string => people.get(participant as `0x${string}`)?.name ?? "";
  const missed = (one: Missed): ShownMissed => ({ ...one, name: nameOf(one.participant) });
  return {
    ceremony: state.ceremony,
    title: definition.title,
    curve: definition.curve,
    power: definition.power,
    phase: state.phase,
    now_s,
    queue: state.queue.map((participant, i) => ({
      position: i + 1,
      participant,
      name: nameOf(participant),
    })),
    slot: slot
      ? {
          participant: slot.participant,
          name: nameOf(slot.participant),
          index: slot.index,
          started_s: slot.started_s,
          ends_s: slot.ends_s,
          submitted: slot.submitted !== undefined,
        }
      : null,
    contributions: state.contributions.map((one) => ({
      index: one.index,
      participant: one.participant,
      name: nameOf(one.participant),
      file: responseName(one.index),
      blake2b: one.response.blake2b,
      accepted_s: one.accepted_s,
      attestations: one.attestations.length,
      settled: one.settled,
    })),
    lost: state.lost.map(missed),
    refused: state.refused.map(missed),
    announced: announced ?? null,
    beacon: beacon ? { index: beacon.index, value: beacon.value, file: responseName(beacon.index) } : null,
  };
}
