/** `inspect certificate`: verifies the aggregate signature of a settlement from chain data alone. */
import { verifySettlement } from "../../client/certificate.ts";
import type { CertificateReport } from "../../client/certificate.ts";
import { connectRpc } from "../../client/connect.ts";
import { exitCodes } from "../console/exit.ts";
import { printJson, printLine } from "../console/output.ts";

export async function inspectCertificate(options: { rpc: string; tx: string; json?: true }): Promise<void> {
  const provider = await connectRpc(options.rpc);
  try {
    const { report, complaints } = await verifySettlement(provider, options.tx);
    if (options.json) printJson(report);
    else printReport(report, complaints);
    if (!report.valid) process.exitCode = exitCodes.failed;
  } finally {
    provider.destroy();
  }
}

function printReport(report: CertificateReport, complaints: readonly string[]): void {
  const { valid, group, ts, te, committee, digest, signers } = report;
  printLine(`group ${group}, blocks ${ts} to ${te - 1}, committee version ${committee}`);
  printLine(`digest ${digest}`);
  printLine(`signed by keepers ${signers.join(", ")} (${signers.length}, quorum ${report.quorum})`);
  printLine(valid ? "the certificate is valid" : `the certificate is INVALID: ${complaints.join("; ")}`);
}
