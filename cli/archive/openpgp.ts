/** OpenPGP signatures, verified with the `gpg` program and the keys that its user has. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const timeout_ms = 60_000;

export type OpenPgpVerdict =
  | { readonly state: "valid"; readonly signer: string }
  | { readonly state: "wrong" | "not checked"; readonly reason: string };

/**
 * @param message undefined for a clear-signed text, which holds it
 * @param program for tests
 */
export async function verifyOpenPgp(
  armored: string,
  message: Uint8Array | undefined,
  program = "gpg",
): Promise<OpenPgpVerdict> {
  const folder = await mkdtemp(join(tmpdir(), "whitepay-openpgp-"));
  try {
    const [signature, data] = [join(folder, "signature.asc"), join(folder, "manifest")];
    await writeFile(signature, armored);
    if (message !== undefined) await writeFile(data, message);
    const args = [
      "--batch",
      "--no-tty",
      "--no-auto-key-retrieve",
      "--status-fd",
      "1",
      "--verify",
      signature,
      ...(message === undefined ? [] : [data]),
    ];
    const status = await new Promise<string | undefined>((done) => {
      execFile(program, args, { timeout: timeout_ms, maxBuffer: 1_048_576 }, (error, stdout) =>
        done((error as NodeJS.ErrnoException | null)?.code === "ENOENT" ? undefined : stdout),
      );
    });
    if (status === undefined) return { state: "not checked", reason: "the program gpg is not installed" };
    return verdictOf(status);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** From the lines of gpg's option --status-fd. */
function verdictOf(status: string): OpenPgpVerdict {
  const says = (word: string): RegExpExecArray | null =>
    new RegExp(`^\\[GNUPG:\\] ${word}\\b ?(.*)$`, "m").exec(status);
  const unknown = says("NO_PUBKEY");
  if (unknown !== null)
    return { state: "not checked", reason: `gpg does not have the key ${unknown[1]}: import it` };
  if (says("BADSIG") !== null) return { state: "wrong", reason: "it does not fit these bytes" };
  for (const [word, reason] of [
    ["EXPSIG", "the signature is expired"],
    ["EXPKEYSIG", "its key is expired"],
    ["REVKEYSIG", "its key is revoked"],
  ] as const) {
    if (says(word) !== null) return { state: "wrong", reason };
  }
  const signer = says("VALIDSIG")?.[1]?.split(" ")[0];
  if (says("GOODSIG") !== null && signer !== undefined) return { state: "valid", signer };
  return { state: "wrong", reason: "gpg finds no signature that it can check" };
}
