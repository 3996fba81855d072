/** Random sequences of calls, each from the same beginning; a failure names its seed and lists its calls. */
import fc from "fast-check";
import { windUp } from "./sequence-end.ts";
import { Player } from "./sequence-player.ts";
import type { Stage } from "./sequence-stage.ts";
import { beginnings, casts, steps, type Beginning, type Cast, type Step } from "./sequence-steps.ts";

export type Campaign = {
  calls: number;
  /** Settlements of groups that S8 speaks of. */
  funded: number;
  /** Calls that succeeded and errors, each with the number of sequences in which it occurred. */
  outcomes: Map<string, number>;
};

/** @throws at the first difference between contracts and model, or if an invariant is broken */
export async function playSequences(
  stage: Stage,
  options: { runs: number; seed: number },
): Promise<Campaign> {
  const campaign: Campaign = { calls: 0, funded: 0, outcomes: new Map() };
  const game = fc.asyncProperty(
    casts,
    beginnings,
    fc.array(steps, { minLength: 20, maxLength: 60, size: "max" }),
    async (cast, groups, sequence) => {
      const player = await playSequence(stage, cast, groups, sequence);
      campaign.calls += player.calls;
      campaign.funded += player.invariants.funded;
      for (const outcome of player.outcomes)
        campaign.outcomes.set(outcome, (campaign.outcomes.get(outcome) ?? 0) + 1);
    },
  );
  // The calls are listed as they were made: that helps more than a shorter sequence, which takes minutes to find.
  await fc.assert(game, { numRuns: options.runs, seed: options.seed, endOnFailure: true });
  return campaign;
}

async function playSequence(
  stage: Stage,
  cast: Cast,
  groups: readonly Beginning[],
  sequence: readonly Step[],
): Promise<Player> {
  let player: Player | undefined;
  try {
    player = await Player.begin(stage, cast, groups);
    for (const step of sequence) {
      await player.play(step);
      await player.compare();
    }
    await windUp(player, sequence.length % groups.length);
    return player;
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${player?.log.join("\n") ?? ""}`, { cause: error });
  }
}
