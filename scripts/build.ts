/** `npm run build`: everything that is generated from the sources, each step after those that it needs. */
import { say } from "../cli/console/output.ts";
import { compileContracts } from "./contracts/compile.ts";

type Step = { readonly title: string; readonly run: () => Promise<void> };

const steps: readonly Step[] = [{ title: "contracts", run: () => compileContracts() }];

for (const { title, run } of steps) {
  say(`== build: ${title}`);
  await run();
}
