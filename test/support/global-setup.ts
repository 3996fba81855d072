/** Compiles the contracts and unpacks the browser once, before any worker starts. */
import chromium from "@sparticuz/chromium";
import { compileContracts } from "../../scripts/contracts/compile.ts";

export default async function setup(): Promise<void> {
  await compileContracts();
  await chromium.executablePath();
}
