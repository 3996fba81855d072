/** Compiles the contracts once, before any worker starts. */
import { compileContracts } from "../../scripts/lib/contracts.ts";

export default async function setup(): Promise<void> {
  await compileContracts();
}
