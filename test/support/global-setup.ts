/** Compiles the contracts and unpacks the browser once, before any worker starts. The fast run needs no browser. */
import chromium from "@sparticuz/chromium";
import { compileContracts } from "../../scripts/contracts/compile.ts";

export default async function setup(): Promise<void> {
  await compileContracts();
  if (process.env["WHITEPAY_FAST"] !== "1") await chromium.executablePath();
}
