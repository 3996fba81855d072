/** `npm run mutate [-- --only WORDS] [-- --faults FILE.yaml]`: plants faults one at a time and prints those that no test detects. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { caughtBy } from "./catch.ts";
import { faultFiles, readFaults } from "./faults.ts";
import type { Fault } from "./faults.ts";
import { Tree } from "./tree.ts";

const { values } = parseArgs({
  options: { only: { type: "string", default: "" }, faults: { type: "string", multiple: true } },
});
const faults = (values.faults ?? faultFiles)
  .flatMap(readFaults)
  .filter(({ name }) => name.includes(values.only));
const survivors: Fault[] = [];
const broken: Fault[] = [];

async function work(waiting: Fault[]): Promise<void> {
  const tree = await Tree.copy();
  try {
    for (let fault = waiting.shift(); fault !== undefined; fault = waiting.shift()) {
      const start_ms = performance.now();
      try {
        const by = await caughtBy(tree, fault);
        if (by === undefined) survivors.push(fault);
        const seconds = ((performance.now() - start_ms) / 1000).toFixed(0);
        process.stdout.write(
          `${by === undefined ? "SURVIVED" : "caught  "}  ${fault.name} (${fault.file})${by === undefined ? "" : `, by ${by}`}, ${seconds} s\n`,
        );
      } catch (error) {
        broken.push(fault);
        process.stdout.write(`BROKEN    ${fault.name} (${fault.file}): ${(error as Error).message}\n`);
      }
    }
  } finally {
    await tree.remove();
  }
}

const waiting = [...faults];
await Promise.all(
  Array.from({ length: Math.min(availableParallelism(), faults.length) }, () => work(waiting)),
);
const caught = faults.length - survivors.length - broken.length;
process.stdout.write(
  `${faults.length} faults planted: ${caught} caught, ${survivors.length} survived, ${broken.length} could not be tried\n`,
);
process.exitCode = faults.length > 0 && caught === faults.length ? 0 : 1;
