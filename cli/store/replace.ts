/** What happens to a work on the way: a provider is lost and another takes its place; another work is asked for before it is finished. */
import { chooseProviders, unfitness } from "../../client/storing/choose.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import type { Replace } from "./send-all.ts";
import { discover, recordsIn } from "./discover.ts";
import type { WritingSession } from "./session.ts";
import type { Sending, StoreWork } from "./state.ts";

/** The work of another command is not finished: its keys and its money are under way. */
export function unfinished(work: StoreWork): CliError {
  const names = [...work.items.map(({ name }) => name), ...work.removed];
  return new CliError({
    code: exitCodes.unsafe,
    message: `an unfinished \`whitepay ${work.kind}\` of ${names.join(", ")} comes first`,
    expected: "that command again, with the same names, files and options",
    hint: "repeat it, or give it up with `whitepay store --discard`: what is paid into the group stays yours",
  });
}

/** Chooses another provider in the place of one that is lost, by the same rules. */
export function replacing(session: WritingSession): Replace {
  return async (work: StoreWork, lost: Sending) => {
    const { provider, line, chainId, registry, lens } = session;
    const head = await provider.getBlockNumber();
    const { token, lockup, keeperShareBps } = work.config;
    const records = await recordsIn(provider, { committee: work.committee, lens });
    const scope = { provider, line, chainId, registry, head, token, records, always: [] };
    const { offering } = await discover(scope);
    const away = new Set([...work.lost, ...work.leaving].map((one) => one.toLowerCase()));
    const kept = offering
      .map(({ candidate }) => candidate)
      .filter(({ operator }) => isIn(work, operator) && operator !== lost.operator);
    const sizes = Object.values(lost.copies).map(({ made }) => made?.bytes ?? 0);
    const bytes = sizes.reduce((sum, size) => sum + size, lost.catalogue?.made?.bytes ?? 0);
    const wish = {
      copies: kept.length + 1,
      bytes,
      largestPiece: Math.max(0, ...sizes),
      hasPublic: work.items.some(({ isPublic }) => isPublic),
      lockup,
      keeperShareBps,
      kept,
    };
    const others = offering
      .map(({ candidate }) => candidate)
      .filter(({ operator }) => !away.has(operator.toLowerCase()) && !isIn(work, operator));
    const dearest = work.providers.reduce(
      (most, { price }) => (BigInt(price) > most ? BigInt(price) : most),
      0n,
    );
    // What was agreed to pays for providers at about these prices; a much dearer one would need a new agreement.
    const affordable = others.filter(
      (one) => unfitness(one, wish) === undefined && (one.price ?? 0n) * 10n <= dearest * 11n,
    );
    const [other] = chooseProviders(affordable, wish).chosen;
    if (other === undefined) return undefined;
    // A public piece is the same everywhere.
    const copies = Object.fromEntries(
      Object.entries(lost.copies).map(([name, { made }]) => {
        const isPublic = work.items.some((item) => item.name === name && item.isPublic);
        return [name, isPublic && made !== undefined ? { made } : {}];
      }),
    );
    const { instead } = lost;
    return {
      operator: other.operator,
      ...(instead && { instead }),
      price: String(other.price ?? 0n),
      copies,
      kept: [],
    };
  };
}

function isIn({ providers }: StoreWork, operator: string): boolean {
  return providers.some((one) => one.operator.toLowerCase() === operator.toLowerCase());
}
