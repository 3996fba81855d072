/** A challenge, or its part for one group, that the provider does not answer. */
import { refusal } from "../protocol/codec/challenge.ts";
import type { Refusal, RefusalCode } from "../protocol/codec/challenge.ts";

export class Refused extends Error {
  override readonly name = "Refused";
  readonly refusal: Refusal;

  constructor(code: RefusalCode, detail: string) {
    super(detail);
    this.refusal = refusal(code, detail);
  }
}
