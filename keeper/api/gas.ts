/** What a settlement costs its sender at most (docs/gas.md): a small group's, and what each provider adds the first time. */
const settle = 250_000n;
const perProvider = 23_000n;

export function settlementGas(providers: number): bigint {
  return settle + perProvider * BigInt(providers);
}
