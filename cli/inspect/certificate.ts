/** `inspect certificate`: verifies a certificate and the groups that a transaction settles, from chain data alone. */
import { verifyCertificate } from "../../client/certificate.ts";
import type { CertificateReport } from "../../client/certificate.ts";
import { connectRpc } from "../../client/connect.ts";
import { exitCodes } from "../console/exit.ts";
import { printJson, printLine } from "../console/output.ts";
import { counted } from "../../protocol/counted.ts";

export async function inspectCertificate(options: { rpc: string; tx: string; json?: true }): Promise<void> {
  const provider = await connectRpc(options.rpc);
  try {
    const { report, complaints } = await verifyCertificate(provider, options.tx);
    if (options.json) printJson(report);
    else printReport(report, complaints);
    if (!report.valid) process.exitCode = exitCodes.failed;
  } finally {
    provider.destroy();
  }
}

function printReport(report: CertificateReport, complaints: readonly string[]): void {
  const { valid, committee, ts, te, version, digest, signers, groups } = report;
  printLine(`committee ${committee}, version ${version}, blocks ${ts} to ${te - 1}`);
  printLine(`digest ${digest}`);
  printLine(`signed by keepers ${signers.join(", ")} (${signers.length}, quorum ${report.quorum})`);
  for (const { group, items } of groups) {
    printLine(`group ${group}, ${counted(items.length, "provider")}`);
    for (const { provider, spaceTime } of items)
      printLine(`  provider ${provider}  ${spaceTime} byte·blocks`);
  }
  printLine(valid ? "the certificate is valid" : `the certificate is INVALID: ${complaints.join("; ")}`);
}
