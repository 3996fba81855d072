/** An ingress with a stopped clock: a keeper has used its quota after `burst` tokens. */
import { TokenBuckets } from "../../protocol/limits/token-buckets.ts";
import { Ingress } from "../../keeper/runtime/ingress.ts";
import type { IngressDependencies } from "../../keeper/runtime/ingress.ts";
import { simulatedCrypto } from "../../sim/signatures/cheap-signatures.ts";

export type IngressSetting = {
  readonly crypto?: IngressDependencies["crypto"];
  readonly burst?: number;
  readonly pause?: () => Promise<void>;
};

export function ingressWith({ crypto = simulatedCrypto, burst = 100, pause }: IngressSetting = {}): Ingress {
  return new Ingress({
    crypto,
    authors: new TokenBuckets(16, () => 0),
    rate: () => ({ burst, perSecond: 1 }),
    bytesOfAuthors: new TokenBuckets(16, () => 0),
    byteRate: () => ({ burst: 1024 * burst, perSecond: 1 }),
    pause: pause ?? (async () => undefined),
  });
}
