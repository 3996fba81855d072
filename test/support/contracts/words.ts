/** The packed words of the contracts; layouts are in contracts/interfaces/Types.sol. */

export type Item = { provider: number; spaceTime: bigint };

export type PeriodFields = {
  number: number;
  version: number;
  versionFrom: number;
  certifiedThrough: number;
  ts: number;
  te: number;
};

export type PayoutFields = { sender: number; paid: number; divisor: number; n: number; unpaid: bigint };

export const noSender = 255;

/** Fields, uppermost first, each with its width in bits. */
function pack(...fields: readonly (readonly [number | bigint, number])[]): bigint {
  return fields.reduce((word, [value, bits]) => (word << BigInt(bits)) | BigInt(value), 0n);
}

function unpack(word: bigint, ...widths: readonly number[]): bigint[] {
  const fields: bigint[] = [];
  let rest = word;
  for (const bits of [...widths].reverse()) {
    fields.unshift(rest & ((1n << BigInt(bits)) - 1n));
    rest >>= BigInt(bits);
  }
  return fields;
}

export function itemWord({ provider, spaceTime }: Item): bigint {
  return pack([provider, 32], [spaceTime, 128]);
}

export function periodWord(p: PeriodFields): bigint {
  return pack(
    [p.number, 32],
    [p.version, 32],
    [p.versionFrom, 40],
    [p.certifiedThrough, 40],
    [p.ts, 40],
    [p.te, 40],
  );
}

export function payoutWord(p: PayoutFields): bigint {
  return pack([p.sender, 8], [p.paid, 8], [p.divisor, 8], [p.n, 8], [p.unpaid, 124]);
}

export type SettledEvent = {
  version: number;
  from: number;
  through: number;
  sender: number;
  unpaid: bigint;
  divisor: number;
  cut: bigint;
  fee: bigint;
  providers: { provider: number; spaceTime: bigint; amount: bigint }[];
};

export function providerPart(word: bigint): SettledEvent["providers"][number] {
  const [provider, spaceTime, amount] = unpack(word, 32, 128, 96) as [bigint, bigint, bigint];
  return { provider: Number(provider), spaceTime, amount };
}

export function settledEvent(interval: bigint, keepers: bigint, providers: readonly bigint[]): SettledEvent {
  const [version, from, through, sender, unpaid] = unpack(interval, 32, 40, 40, 8, 124);
  const [divisor, cut, fee] = unpack(keepers, 8, 96, 96);
  return {
    version: Number(version),
    from: Number(from),
    through: Number(through),
    sender: Number(sender),
    unpaid: unpaid as bigint,
    divisor: Number(divisor),
    cut: cut as bigint,
    fee: fee as bigint,
    providers: providers.map(providerPart),
  };
}
