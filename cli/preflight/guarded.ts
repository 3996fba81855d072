/** Runs checks before a start: a check that throws has failed. */
import { fail, type CheckItem } from "../console/check-item.ts";
import { exitCodes, explain } from "../console/exit.ts";

/** An error inside one check fails that check only. */
export async function guarded(name: string, work: () => Promise<CheckItem>): Promise<CheckItem> {
  try {
    return await work();
  } catch (error) {
    return failureOf(name, error);
  }
}

export function failureOf(name: string, error: unknown): CheckItem {
  const { code, message, hint = "the endpoint does not know this call, or is down" } = explain(error);
  return fail(name, message, hint, code === exitCodes.failed ? exitCodes.network : code);
}
