/** Writes docs/metrics.md from the tables of metrics in the code. Run: node scripts/docs/metrics.ts */
import { writeFile } from "node:fs/promises";
import { metrics } from "../../keeper/adapters/telemetry-prometheus.ts";
import { providerMetrics } from "../../provider/metrics.ts";

type Table = Readonly<Record<string, { kind: string; help: string; labels: readonly string[] }>>;

function tableOf(table: Table): string {
  const rows = Object.entries(table).map(([name, { kind, help, labels }]) => {
    const of = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${kind} | ${of} | ${help} |`;
  });
  return ["| name | kind | labels | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

export function metricsPage(): string {
  return `# Metrics

A running keeper serves these metrics at \`/metrics\`, in the text format of Prometheus. Counters count from the start of the process;
gauges are set at each request. \`deploy/grafana-dashboard.json\` shows them, and \`deploy/prometheus-alerts.yaml\` has alerts on them.
This page is made from \`keeper/adapters/telemetry-prometheus.ts\` by \`node scripts/docs/metrics.ts\`; a test fails if it is out of date.

${tableOf(metrics)}

\`group\` is a group's address, \`operator\` a keeper's, \`provider\` an index in the group, \`code\` and \`reason\` a code of
docs/reasons.md, \`phase\` a phase of a round, \`outcome\` whole, partial or failed.

## Provider

A running provider serves these metrics at \`/metrics\`. \`deploy/grafana-provider-dashboard.json\` shows
them. This table is made from \`provider/metrics.ts\`.

${tableOf(providerMetrics)}
`;
}

if (import.meta.main) {
  await writeFile(new URL("../../docs/metrics.md", import.meta.url), metricsPage());
}
