/** Evaluates the alerts of deploy/prometheus-alerts.yaml for the metrics of a keeper or provider at one moment. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { projectRoot } from "../../scripts/paths.ts";

type Rule = { readonly alert: string; readonly expr: string };
/** Value by the text of the labels. */
type Samples = ReadonlyMap<string, number>;

const rules = (
  parse(readFileSync(join(projectRoot, "deploy/prometheus-alerts.yaml"), "utf8")) as {
    groups: readonly { rules: readonly Rule[] }[];
  }
).groups.flatMap((group) => group.rules);

export function samplesOf(figures: string, name: string): Samples {
  const lines = figures.matchAll(/^(\w+)(?:\{([^}]*)\})? (\S+)$/gm);
  return new Map(
    [...lines]
      .filter(([, found]) => found === name)
      .map(([, , labels = "", value]) => [labels, Number(value)]),
  );
}

const comparison = /^(\w+) (>|<|==) ((?:[\d.]+ \* )*)(\w+|[\d.]+)$/;

/** Labels for which the alert's expression holds now. Its `for` is ignored. */
export function firing(alert: string, figures: string): string[] {
  const rule = rules.find((one) => one.alert === alert);
  const found = comparison.exec(rule?.expr.trim() ?? "");
  if (found === null)
    throw new Error(`${alert}: expected a comparison, actual ${rule?.expr ?? "no such rule"}`);
  const [, name = "", operator, factors = "", right = ""] = found;
  const others = samplesOf(figures, right);
  return [...samplesOf(figures, name)].flatMap(([labels, value]) => {
    const other = /^[\d.]+$/.test(right) ? Number(right) : others.get(labels);
    if (other === undefined) return [];
    const limit = factors.split(" * ").reduce((product, factor) => product * Number(factor || 1), other);
    const holds = operator === ">" ? value > limit : operator === "<" ? value < limit : value === limit;
    return holds ? [labels] : [];
  });
}
