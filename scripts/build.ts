/** `npm run build`: everything that is generated from the sources, each step after those that it needs. */
import { say } from "../cli/console/output.ts";
import { compileContracts } from "./contracts/compile.ts";
import { buildPackages, currentVersion } from "./release/build.ts";

type Step = { readonly title: string; readonly run: () => Promise<void> };

const steps: readonly Step[] = [
  { title: "contracts", run: () => compileContracts() },
  { title: "packages", run: packages },
];

async function packages(): Promise<void> {
  for (const { name, tarball } of await buildPackages(await currentVersion())) say(`${name}  ${tarball}`);
}

for (const { title, run } of steps) {
  say(`== build: ${title}`);
  await run();
}
