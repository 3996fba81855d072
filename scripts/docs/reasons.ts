/** Writes docs/reasons.md from the one table of reasons. Run: node scripts/docs/reasons.ts */
import { writeFile } from "node:fs/promises";
import { needsAction, reasons } from "../../protocol/reasons.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";

export function reasonsPage(): string {
  const rows = (Object.keys(reasons) as ReasonCode[]).map((code) => {
    const { short, long } = reasons[code];
    return `## \`${code}\`\n\n**${short}.** ${long}${needsAction.has(code) ? " *Logged as a warning.*" : ""}\n`;
  });
  return `# Reasons\n\nEach skipped challenge, refused message, missed turn, refused signature, and consent without the operator has one of these codes in\nthe log and in the counters. A reason that needs an action of the operator is logged as a warning, every other one as information.\n\`node scripts/docs/reasons.ts\` makes this page from \`protocol/reasons.ts\`; a test fails when it is stale.\n\n${rows.join("\n")}`;
}

if (import.meta.main) {
  await writeFile(new URL("../../docs/reasons.md", import.meta.url), reasonsPage());
}
