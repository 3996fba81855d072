/** Writes docs/metrics.md from the one table of figures. Run: node scripts/docs/metrics.ts */
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
  return `# Figures

A running keeper tells these at \`/metrics\`, in the text form of Prometheus. Each is fed while it runs: counters from its
start on, gauges when they are asked for. \`deploy/grafana-dashboard.json\` draws them, \`deploy/prometheus-alerts.yaml\` watches
them. This page is made from \`keeper/adapters/telemetry-prometheus.ts\` by \`node scripts/docs/metrics.ts\`; a test says when it is
stale.

${tableOf(metrics)}

\`group\` is a group's address, \`operator\` a keeper's, \`provider\` an index in the group, \`code\` and \`reason\` a code of
docs/reasons.md, \`phase\` a step of a round, \`outcome\` whole, partial or failed.

## Provider

A provider tells these at \`/metrics\` where its configuration says so (\`metrics: { host: 127.0.0.1, port: 9465 }\`); \`/readyz\` beside
it answers 503 while the chain has stopped. This table is made from \`provider/metrics.ts\`.

${tableOf(providerMetrics)}
`;
}

if (import.meta.main) {
  await writeFile(new URL("../../docs/metrics.md", import.meta.url), metricsPage());
}
