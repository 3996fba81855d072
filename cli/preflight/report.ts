/** The output of a check before a start: every item, and the exit code of the first that failed. */
import { checkDocument, checkLine, type CheckItem } from "../console/check-item.ts";
import { CliError } from "../console/exit.ts";
import { printJson, printLine } from "../console/output.ts";

/** @throws CliError if a check failed */
export function reportChecks(items: readonly CheckItem[], asJson: boolean): void {
  const failed = items.filter(({ grade }) => grade === "fail");
  if (asJson) {
    printJson({
      ok: failed.length === 0,
      items: items.map(checkDocument),
    });
  } else {
    for (const item of items) printLine(checkLine(item, 9));
  }
  const first = failed[0];
  if (first !== undefined) {
    const message = `failed checks: ${failed.length} of ${items.length}, first: ${first.name}`;
    throw new CliError({
      code: first.code,
      message,
      ...(first.remedy === undefined ? {} : { hint: first.remedy }),
    });
  }
}
