/** Metrics, their page, the alert rules and the Grafana dashboard use the same names and labels. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parser } from "@prometheus-io/lezer-promql";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { metrics } from "../../keeper/adapters/telemetry-prometheus.ts";
import { reasons } from "../../protocol/reasons.ts";
import { providerMetrics } from "../../provider/metrics.ts";
import { projectRoot } from "../../scripts/paths.ts";
import { metricsPage } from "../../scripts/docs/metrics.ts";

const read = (file: string): string => readFileSync(join(projectRoot, file), "utf8");

type Use = { readonly name: string; readonly labels: Record<string, string> };
type Query = { readonly errors: number; readonly uses: readonly Use[]; readonly grouping: readonly string[] };

/** The metrics and labels that a PromQL expression uses, parsed with Prometheus' own grammar. */
function analyse(expression: string): Query {
  const uses: Use[] = [];
  const grouping: string[] = [];
  let errors = 0;
  const text = (node: { from: number; to: number }): string => expression.slice(node.from, node.to);
  parser.parse(expression).iterate({
    enter: (node) => {
      if (node.type.isError) errors++;
      if (node.name === "GroupingLabels") {
        for (const label of node.node.getChildren("LabelName")) grouping.push(text(label));
      }
      if (node.name !== "VectorSelector") return;
      const labels: Record<string, string> = {};
      const identifier = node.node.getChild("Identifier");
      const matchers = node.node.getChild("LabelMatchers");
      for (const matcher of matchers?.getChildren("UnquotedLabelMatcher") ?? []) {
        const label = matcher.getChild("LabelName");
        const value = matcher.getChild("StringLiteral");
        if (label !== null && value !== null) labels[text(label)] = text(value).slice(1, -1);
      }
      uses.push({ name: identifier === null ? "" : text(identifier), labels });
    },
  });
  return { errors, uses, grouping };
}

type Rule = {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
};
const rules = (
  parse(read("deploy/prometheus-alerts.yaml")) as { groups: readonly { rules: readonly Rule[] }[] }
).groups.flatMap((group) => group.rules);

type Panel = {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { x: number; y: number; w: number; h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
};
type Dashboard = {
  readonly panels: readonly Panel[];
  readonly templating: { list: readonly { name: string; definition?: string }[] };
};
const targetsOf = ({ panels }: Dashboard) =>
  panels.flatMap((panel) =>
    (panel.targets ?? []).map((target) => ({ ...target, where: `panel "${panel.title}"` })),
  );
/** Variables that Grafana replaces before it sends the expression to Prometheus. */
const filledIn = (expression: string, { templating }: Dashboard): string =>
  expression
    .replaceAll("$__rate_interval", "5m")
    .replaceAll(/"\$(\w+)"/g, (whole, name: string) =>
      templating.list.some((variable) => variable.name === name) ? '".*"' : whole,
    );

const labelsOf = (table: Readonly<Record<string, { readonly labels: readonly string[] }>>) =>
  Object.entries(table).map(([name, { labels }]): [string, readonly string[]] => [name, labels]);
/** The alerts are about both. */
const figures = new Map([...labelsOf(providerMetrics), ...labelsOf(metrics)]);
const dashboards = [
  ["deploy/grafana-dashboard.json", metrics],
  ["deploy/grafana-provider-dashboard.json", providerMetrics],
] as const;
/** Labels that Prometheus adds. */
const targetLabels = ["instance", "job"];

/** The faults of a query, in words. */
function faults(expression: string): string[] {
  const { errors, uses, grouping } = analyse(expression);
  const found = errors > 0 ? [`not PromQL: ${expression}`] : [];
  if (uses.length === 0) found.push(`asks for nothing: ${expression}`);
  for (const { name, labels } of uses) {
    if (name === "up") continue;
    const known = figures.get(name);
    if (known === undefined) {
      found.push(`no such figure: ${name}`);
      continue;
    }
    for (const label of Object.keys(labels)) {
      if (![...known, ...targetLabels].includes(label)) found.push(`${name} has no label ${label}`);
    }
  }
  const all = new Set(uses.flatMap(({ name }) => figures.get(name) ?? []));
  for (const label of grouping) {
    if (!all.has(label) && !targetLabels.includes(label)) found.push(`nothing here has the label ${label}`);
  }
  return found;
}

describe("the metrics", () => {
  it("are listed in docs/metrics.md exactly as in the code", () => {
    expect(read("docs/metrics.md")).toBe(metricsPage());
  });

  it("begin with the project's name and end with the unit; a counter ends in _total", () => {
    for (const [name, { kind, help }] of [...Object.entries(metrics), ...Object.entries(providerMetrics)]) {
      expect(name).toMatch(/^whitepay_[a-z]+(_[a-z]+)*$/);
      expect({ name, total: name.endsWith("_total") }).toEqual({ name, total: kind === "counter" });
      expect(help).toMatch(/^[A-Z0-9].*\.$/);
      // Prometheus requires base units.
      expect(name).not.toMatch(/_(ms|milliseconds|minutes|kib|mib|gib|kilobytes|percent)(_|$)/);
    }
  });
});

describe("the check of queries", () => {
  it("detects invalid PromQL, an unknown metric or label, and a grouping by an unknown label", () => {
    expect(faults("whitepay_turn >")).toEqual([expect.stringContaining("not PromQL")]);
    expect(faults("whitepay_turns > 2")).toEqual(["no such figure: whitepay_turns"]);
    expect(faults('whitepay_turn{grup="a"} > 2')).toEqual(["whitepay_turn has no label grup"]);
    expect(faults("sum by (provider) (whitepay_turn)")).toEqual(["nothing here has the label provider"]);
    expect(faults("1 > 2")).toEqual([expect.stringContaining("asks for nothing")]);
    expect(faults('sum by (contract) (rate(whitepay_reasons_total{code="x",job="y"}[5m])) > 0')).toEqual([]);
  });
});

describe("deploy/prometheus-alerts.yaml", () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    "%s uses only known metrics and labels",
    (_name, rule) => {
      expect(faults(rule.expr)).toEqual([]);
      expect(rule.labels["severity"]).toMatch(/^(critical|warning)$/);
      expect(Object.keys(rule.annotations)).toEqual(["summary", "action"]);
      const labels = new Set(analyse(rule.expr).uses.flatMap(({ name }) => figures.get(name) ?? []));
      for (const [, label] of Object.values(rule.annotations)
        .join(" ")
        .matchAll(/\$labels\.(\w+)/g)) {
        expect([...labels, ...targetLabels]).toContain(label);
      }
    },
  );

  it("names only reasons that exist", () => {
    const codes = rules
      .flatMap(({ expr }) => analyse(expr).uses)
      .flatMap(({ labels }) => (labels["code"] ?? "").split("|"))
      .filter((code) => code !== "");
    expect(codes.length).toBeGreaterThan(0);
    expect(codes.filter((code) => !Object.hasOwn(reasons, code))).toEqual([]);
  });

  it("watches payment, peers, signatures, gas, runway, clock and disk", () => {
    const watched = new Set(rules.flatMap(({ expr }) => analyse(expr).uses.map(({ name }) => name)));
    for (const name of [
      "whitepay_turn",
      "whitepay_committee_connected",
      "whitepay_committee_quorum",
      "whitepay_reasons_total",
      "whitepay_operator_transactions_left",
      "whitepay_group_runway_seconds",
      "whitepay_clock_offset_seconds",
      "whitepay_disk_free_bytes",
    ]) {
      expect(watched).toContain(name);
    }
    const clock = rules.find(({ alert }) => alert === "WhitepayClockOff");
    expect(clock?.expr).toMatch(/> 0\.2$/);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });
});

describe.each(dashboards)("%s", (file, table) => {
  const dashboard = JSON.parse(read(file)) as Dashboard;
  const own = new Map(labelsOf(table));

  it.each(targetsOf(dashboard).map((target) => [target.where, target] as const))(
    "%s uses only known metrics and labels",
    (_where, target) => {
      const expression = filledIn(target.expr, dashboard);
      expect(faults(expression)).toEqual([]);
      const labels = new Set(analyse(expression).uses.flatMap(({ name }) => figures.get(name) ?? []));
      for (const [, label] of target.legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        expect([...labels, ...targetLabels]).toContain(label);
      }
    },
  );

  it("draws every metric, and takes its variables from metrics", () => {
    const drawn = new Set(
      targetsOf(dashboard).flatMap(({ expr }) =>
        analyse(filledIn(expr, dashboard)).uses.map(({ name }) => name),
      ),
    );
    expect([...own.keys()].filter((name) => !drawn.has(name))).toEqual([]);
    for (const { definition } of dashboard.templating.list) {
      if (definition === undefined) continue;
      const [, name = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? [];
      expect([...(own.get(name) ?? []), ...targetLabels]).toContain(label);
    }
  });

  it("has panels that do not overlap, each with a unique id", () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.get(`${x},${y}`) ?? title).toBe(title);
          taken.set(`${x},${y}`, title);
        }
      }
    }
  });
});
