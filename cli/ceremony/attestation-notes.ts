/** Durable notes of what a keeper attested: it signs one contribution for each place in a ceremony, whatever a log shows it later (R48). */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CeremonyContribution } from "../../protocol/contribution.ts";
import { syncPath } from "../../storage/disk/atomic-write.ts";
import { CliError, exitCodes } from "../console/exit.ts";

function textOf({ ceremony, index, challenge, response }: CeremonyContribution): string {
  return `${JSON.stringify({ ceremony, index, challenge, response })}\n`;
}

/** Makes a file with all of its bytes, unless there is one; durable at return. @returns whether it was made */
async function create(path: string, text: string): Promise<boolean> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    // A rename would replace the note of another process; a link does not.
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncPath(dirname(path));
  return true;
}

/**
 * Notes a contribution before its signature leaves. The same one may be noted again.
 * @throws CliError exit 6 if another one is noted in its place
 */
export async function noteAttestation(folder: string, claim: CeremonyContribution): Promise<void> {
  const path = join(folder, claim.ceremony, `${claim.index}.json`);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const text = textOf(claim);
  if (await create(path, text)) return;
  const noted = await readFile(path, "utf8");
  if (noted === text) return;
  throw new CliError({
    code: exitCodes.unsafe,
    message: `this keeper has signed another contribution ${claim.index} of ceremony ${claim.ceremony}`,
    expected: noted.trim(),
    actual: text.trim(),
    hint: `nothing was signed: the organiser showed another log before, or ${path} is damaged`,
  });
}
