/**
 * Bad input from a peer or a file gives a typed rejection, never an exception; an exception means a bug. `code` is stable and
 * counted, `detail` is a text with the expected and the actual value.
 */
export type Rejection<Code extends string = string> = {
  readonly ok: false;
  readonly code: Code;
  readonly detail: string;
};

export type Accepted<T> = {
  readonly ok: true;
  readonly value: T;
};

export type Result<T, Code extends string = string> = Accepted<T> | Rejection<Code>;

export function accept<T>(value: T): Accepted<T> {
  return { ok: true, value };
}

export function reject<Code extends string>(code: Code, detail: string): Rejection<Code> {
  return { ok: false, code, detail };
}
