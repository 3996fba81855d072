/** Checks the groups of certificates: who is in scope, in which order, under which root, and that each is settled (R14, R27, R29, R38). */
import { concat, keccak256, solidityPacked, ZeroHash } from "ethers";
import type { Certified, ChainRun, Handing, RunGroup, RunProvider } from "../../support/fleet/chain-run.ts";
import { named, prefixed } from "./complain.ts";
import type { Complain } from "./complain.ts";

/** Space-time and value (× price) that a provider committed in [from, to). */
export type Dues = { readonly spaceTime: bigint; readonly value: bigint };

/** R15: exact sums over the provider's data, block by block range. */
export function committed({ data }: Pick<RunProvider, "data">, from: number, to: number): Dues {
  let [spaceTime, value] = [0n, 0n];
  data.forEach((one, i) => {
    const end = Math.min(to, data[i + 1]?.from ?? to);
    const blocks = BigInt(Math.max(0, end - Math.max(from, one.from)));
    spaceTime += one.bytes * blocks;
    value += one.bytes * one.price * blocks;
  });
  return { spaceTime, value };
}

export type Interval = { readonly from: number; readonly to: number };

/** R29: [max(ts, entered), min(te, left)). */
export function intervalOf(group: RunGroup, { ts, te }: Pick<Certified, "ts" | "te">): Interval {
  return { from: Math.max(ts, group.entered), to: Math.min(te, group.left ?? te) };
}

/** Providers of a group with a committed block in the interval, ascending. */
function providersIn({ providers }: RunGroup, { from, to }: Interval): number[] {
  return providers
    .filter((provider) => from < to && committed(provider, from, to).spaceTime > 0n)
    .map(({ index }) => index)
    .sort((a, b) => a - b);
}

/** R38: the groups with a committed block in [ts, te), ascending by number. */
function scopeOf({ groups }: ChainRun, certificate: Pick<Certified, "ts" | "te">): RunGroup[] {
  return groups
    .filter((group) => providersIn(group, intervalOf(group, certificate)).length > 0)
    .sort((a, b) => a.number - b.number);
}

type Handed = Handing["groups"][number];

/** R27: keccak256(keccak256(head ‖ items)). */
function leafOf({ number, group, items }: Handed): string {
  const head = solidityPacked(["uint48", "uint16", "uint32", "address"], [0, items.length, number, group]);
  const words = items.map(({ provider, spaceTime }) =>
    solidityPacked(["uint96", "uint32", "uint128"], [0, provider, spaceTime]),
  );
  return keccak256(keccak256(concat([head, ...words])));
}

/** R27: node = keccak256(left ‖ right); a lone last node moves up. */
export function rootOf(groups: readonly Handed[]): string {
  let level = groups.map(leafOf);
  while (level.length > 1) {
    level = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) => {
      const [left, right] = level.slice(2 * i, 2 * i + 2) as [string, string | undefined];
      return right === undefined ? left : keccak256(concat([left, right]));
    });
  }
  return level[0] ?? ZeroHash;
}

/** The groups of a certificate as its transactions handed them in, by position. */
function handedOf({ handings }: ChainRun, { ts }: Certified): Handed[] {
  const byPosition = new Map<number, Handed>();
  for (const { certificate, first, groups } of handings) {
    if (certificate.ts === ts) groups.forEach((group, i) => byPosition.set(first + i, group));
  }
  return [...byPosition].sort(([a], [b]) => a - b).map(([, group]) => group);
}

const ofNumbers = (groups: readonly { readonly number: number }[]): string =>
  named(groups.map(({ number }) => number));

function checkScope(run: ChainRun, certificate: Certified, complain: Complain): void {
  const expected = scopeOf(run, certificate);
  const handed = handedOf(run, certificate);
  if (certificate.count !== expected.length)
    complain(`names ${certificate.count} groups, expected ${expected.length}: ${ofNumbers(expected)} (R38)`);
  if (ofNumbers(handed) !== ofNumbers(expected))
    complain(`groups ${ofNumbers(handed)} were handed in, expected ${ofNumbers(expected)} (R41)`);
  for (const { number, group, items } of handed) {
    const about = prefixed(complain, `group ${number}`);
    const known = expected.find((one) => one.number === number);
    if (known?.address.toLowerCase() !== group.toLowerCase())
      about(`is at ${group}, expected ${known?.address ?? "no such group"} (R27)`);
    const providers = known === undefined ? [] : providersIn(known, intervalOf(known, certificate));
    const actual = items.map(({ provider }) => provider);
    if (named(actual) !== named(providers))
      about(`has items for ${named(actual)}, expected ${named(providers)} (R27)`);
  }
  if (handed.length === certificate.count && rootOf(handed) !== certificate.groups)
    complain(`the root of the groups is ${certificate.groups}, expected ${rootOf(handed)} (R27)`);
}

/** L3: every group in scope is settled once for each certificate. */
function checkSettled(run: ChainRun, certificate: Certified, complain: Complain): void {
  for (const group of scopeOf(run, certificate)) {
    const { to } = intervalOf(group, certificate);
    const count = group.settlements.filter(({ through }) => through === to).length;
    if (count !== 1)
      complain(`group ${group.number} was settled ${count} times through block ${to}, expected once (S1)`);
  }
}

export function checkScopes(run: ChainRun, complain: Complain): void {
  for (const text of run.refusals) complain(`${text}: refused its settlement (R29)`);
  run.certificates.forEach((certificate, i) => {
    const about = prefixed(complain, `certificate ${i + 1}`);
    checkScope(run, certificate, about);
    checkSettled(run, certificate, about);
  });
}
