/** Writes docs/reasons.md from the one table of reasons. Run: node scripts/docs/reasons.ts */
import { writeFile } from "node:fs/promises";
import { needsAction, reasons } from "../../protocol/reasons.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";

export function reasonsPage(): string {
  const rows = (Object.keys(reasons) as ReasonCode[]).map((code) => {
    const { short, long } = reasons[code];
    return `## \`${code}\`\n\n**${short}.** ${long}${needsAction.has(code) ? " *Logged as a warning.*" : ""}\n`;
  });
  return `# Reasons\n\nEvery challenge that was skipped, message that was refused, turn that was missed and signature that was not given\nhas one of these codes in the log and in the counters. What the operator has to act upon is logged as a\nwarning, all else as information. This page is made from \`protocol/reasons.ts\` by\n\`node scripts/docs/reasons.ts\`; a test says when it is stale.\n\n${rows.join("\n")}`;
}

if (import.meta.main) {
  await writeFile(new URL("../../docs/reasons.md", import.meta.url), reasonsPage());
}
