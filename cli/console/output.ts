/** Data goes to stdout, messages to stderr. */

/** Prints the JSON document of `--json`; a bigint becomes decimal text. */
export function printJson(document: unknown): void {
  const text = JSON.stringify(document, (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
  process.stdout.write(`${text}\n`);
}

export function printLine(text = ""): void {
  process.stdout.write(`${text}\n`);
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
