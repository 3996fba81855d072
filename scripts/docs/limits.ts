/** The second table of docs/figures/limits.md. Run: node scripts/bench/floods.ts --limits */
import {
  authorBytes,
  authorRate,
  challengeQueue,
  challengeRate,
  gossipBytes,
  questionRate,
  refusedRate,
  requestRate,
  wrongSeedRate,
} from "../../protocol/limits/derived.ts";
import type { Scale } from "../../protocol/limits/derived.ts";
import type { Rate } from "../../protocol/limits/token-buckets.ts";

const scales: readonly Scale[] = [
  { committees: 1, n: 4, keepers: 4, groups: 1, providers: 4 },
  { committees: 1, n: 13, keepers: 13, groups: 1, providers: 64 },
  { committees: 1, n: 13, keepers: 13, groups: 1000, providers: 3000 },
  { committees: 1, n: 49, keepers: 49, groups: 32, providers: 256 },
  { committees: 1, n: 124, keepers: 124, groups: 1, providers: 256 },
  { committees: 20, n: 13, keepers: 40, groups: 10, providers: 64 },
];

function plain({ burst, perSecond }: Rate): string {
  return `${Math.round(burst)} + ${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`;
}

function kilobytes({ burst, perSecond }: Rate): string {
  return `${Math.round(burst / 1000)} kB + ${Math.round(perSecond / 1000)} kB/s`;
}

/** A row for each limit, a column for each size. */
export function limitsTable(): string {
  const names = scales.map((s) => `n = ${s.n}: ${s.committees}, ${s.groups}, ${s.providers}`);
  const rows: readonly (readonly [string, (scale: Scale) => string])[] = [
    ["signatures of one author", (scale) => plain(authorRate(scale))],
    ["bytes of one author", (scale) => kilobytes(authorBytes(scale))],
    ["refused messages of one peer", (scale) => plain(refusedRate(scale))],
    ["unrequested bytes of one peer", (scale) => kilobytes(gossipBytes(scale))],
    ["pulls of one keeper", (scale) => plain(questionRate("pull", scale))],
    ["questions of one keeper for certificates", (scale) => plain(questionRate("certificate", scale))],
    ["questions of one keeper for records", (scale) => plain(questionRate("records", scale))],
    ["questions of one keeper for pinned pages", (scale) => plain(questionRate("page", scale))],
    ["questions of one keeper for piece lists", (scale) => plain(questionRate("pieces", scale))],
    ["refused ranges, and pages, of one peer at a provider", ({ groups }) => plain(requestRate(groups))],
    ["challenged groups of one keeper at a provider", (scale) => plain(challengeRate(scale))],
    ["wrong seeds of one keeper at a provider", (scale) => plain(wrongSeedRate(scale))],
    ["challenges that wait at a provider", (scale) => `${challengeQueue(scale).total}`],
  ];
  return [
    `| limit | ${names.join(" | ")} |`,
    `| --- |${names.map(() => " --- |").join("")}`,
    ...rows.map(([name, value]) => `| ${name} | ${scales.map(value).join(" | ")} |`),
  ].join("\n");
}
