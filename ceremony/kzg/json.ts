/** Fields of a JSON document, each checked when it is read. */
import { CeremonyFileError } from "../report.ts";
import type { CeremonySource } from "../report.ts";

/** Two hundred thousand contributions of 1,900 bytes each; the ceremony had 141,416. JavaScript's longest text is 2^29 characters. */
export const maxJsonBytes = 384 * 2 ** 20;

export class Field {
  readonly #value: unknown;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    this.#value = value;
    this.#path = path;
  }

  refuse(expected: string, actual: string): CeremonyFileError {
    return new CeremonyFileError(this.#path, { expected, actual });
  }

  #kind(): string {
    if (this.#value === null) return "null";
    return Array.isArray(this.#value) ? "an array" : typeof this.#value;
  }

  has(name: string): boolean {
    return this.#record()[name] !== undefined;
  }

  #record(): Record<string, unknown> {
    if (typeof this.#value !== "object" || this.#value === null || Array.isArray(this.#value))
      throw this.refuse("an object", this.#kind());
    return this.#value as Record<string, unknown>;
  }

  get(name: string): Field {
    const record = this.#record();
    if (!Object.hasOwn(record, name)) throw this.refuse(`a field "${name}"`, "none");
    return new Field(record[name], `${this.#path}.${name}`);
  }

  /** @param count how many there must be */
  list(count?: number): Field[] {
    if (!Array.isArray(this.#value)) throw this.refuse("an array", this.#kind());
    if (count !== undefined && this.#value.length !== count)
      throw this.refuse(`a list of ${count}`, `${this.#value.length}`);
    return this.#value.map((value, i) => new Field(value, `${this.#path}[${i}]`));
  }

  text(): string {
    if (typeof this.#value !== "string") throw this.refuse("a text", this.#kind());
    return this.#value;
  }

  integer(expected: number): number {
    if (this.#value !== expected)
      throw this.refuse(`${expected}`, typeof this.#value === "number" ? `${this.#value}` : this.#kind());
    return expected;
  }

  get path(): string {
    return this.#path;
  }
}

/** @throws CeremonyFileError if the file is too large, or no JSON in UTF-8 */
export async function readJson(source: CeremonySource): Promise<Field> {
  if (source.size > maxJsonBytes)
    throw new CeremonyFileError(`${source.name}: size`, {
      expected: `at most ${maxJsonBytes} bytes`,
      actual: `${source.size}`,
    });
  const bytes = await source.read(0, source.size);
  try {
    return new Field(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)), source.name);
  } catch (error) {
    throw new CeremonyFileError(`${source.name}: content`, {
      expected: "a JSON document in UTF-8",
      actual: error instanceof Error ? error.message.slice(0, 200) : "something else",
    });
  }
}
