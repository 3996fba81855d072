/** Data goes to stdout, everything said to a person goes to stderr. */

/** The one JSON document of a `--json` run; bigint as decimal text. */
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
