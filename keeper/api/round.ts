/** The current round as this keeper sees it. */
import type { KeeperState, RevealState, RoundState, TurnState } from "../core/state.ts";
import type { RoundStatus } from "./schemas.ts";

/** The phases of a round, in order. */
export const phases = [
  "challenge",
  "announce",
  "commit",
  "reveal",
  "decide",
  "sign",
  "submit",
  "settle",
] as const;
export type Phase = (typeof phases)[number];

/** The phase that the current turn has reached, as this keeper sees it. */
export function phaseOf(turn: TurnState | undefined): Phase {
  if (turn === undefined) return "challenge";
  if (turn.submission.sent) return "settle";
  if (turn.certificate !== undefined) return "submit";
  const { round } = turn;
  if (round === undefined) return "announce";
  if (round.proposal !== undefined) return "sign";
  if (round.bundle !== undefined) return "decide";
  if (round.closes.length > 0) return "reveal";
  return "commit";
}

const revealWords = {
  waiting: "waiting",
  checking: "waiting",
  unchecked: "waiting",
  counted: "counted",
  rejected: "rejected",
} as const satisfies Record<RevealState["status"], RoundStatus["members"][number]["revealed"]>;

function membersOf(turn: TurnState, round: RoundState | undefined): RoundStatus["members"] {
  const signed = new Set([...turn.partials.values()].flatMap((byKeeper) => [...byKeeper.keys()]));
  const reveals = new Map(
    [...(round?.reveals.values() ?? [])].map(({ message, status }) => [message.keeper, revealWords[status]]),
  );
  return turn.version.members.map((_, index) => ({
    index,
    committed: round?.commits.has(index) ?? false,
    revealed: reveals.get(index) ?? "no",
    signed: signed.has(index),
  }));
}

/** The round of the present turn. */
export function roundOf({ turn }: Pick<KeeperState, "turn">): RoundStatus | null {
  if (turn === undefined) return null;
  const { round } = turn;
  return {
    turn: turn.turn,
    te: turn.te,
    leader: turn.leader,
    phase: phaseOf(turn),
    announcedBlock: round?.announce.body.head ?? null,
    auditBlock: round?.accepted?.message.body.auditBlock ?? null,
    members: membersOf(turn, round),
  };
}
