/** The library's tarball, installed into an empty folder: what it holds, and that Node and TypeScript load it there. */
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedFolder } from "../support/files.ts";
import { install, otherNodes, ownNode, rootManifest, run, type Installed } from "./install.ts";

/** The library promises Node 20: it is used if the PATH has one, and the name of the test says which Node ran. */
const node = otherNodes().find(({ version }) => version.startsWith("20.")) ?? ownNode;

/** A program of a user, in TypeScript that is JavaScript too. */
const program = `
import { Wallet } from "ethers";
import { coin, connectRpc, formatAmount, parseAmount, parseBytes, priceFor, quote, WhitePayError } from "@whitepay/client";

const price = priceFor({ perMonth: parseAmount("4", coin), blockTime_s: 12 });
const { costPerMonth } = quote({
  providers: [{ bytes: parseBytes("10TiB"), price }],
  rhythm: { interval: 7_200, turn: 600 },
  config: { lockup: 14_400, keeperShareBps: 1_000, keeperFee: 0n },
  token: coin, keepers: 4, blockTime_s: 12, months: 3,
  gasPrice: 50_000_000_000n, unitsPerCoin: 10n ** 18n,
});
let refused;
try {
  parseBytes("much");
} catch (error) {
  refused = error instanceof WhitePayError && error.code;
}
const provider = await connectRpc("http://127.0.0.1:1").catch((error) => error.code);
console.log(JSON.stringify({ month: formatAmount(costPerMonth, coin), refused, provider, wallet: Wallet.createRandom().address.length }));
`;

/** The same library as TypeScript sees it: one line is wrong on purpose and has to be found. */
const typed = `
import { formatAmount, coin, quote, type GroupStatus, type MemberConsent, type Quote } from "@whitepay/client";
export const words: string = formatAmount(1n, coin);
export const cost = (each: Quote): bigint => each.costPerMonth;
export const head = (status: GroupStatus): number => status.head.block;
export const last = (consent: MemberConsent): number => consent.deadline;
// @ts-expect-error -- money is a bigint
quote({ bytes: "10TiB" });
`;

let installed: Installed;
let remove: () => Promise<void>;

beforeAll(async () => {
  const shared = await sharedFolder();
  remove = shared.remove;
  installed = await install("client", shared.folder);
});
afterAll(() => remove());

describe("the tarball of @whitepay/client", () => {
  it("holds built modules and declarations, three documents, and nothing else", () => {
    const documents = ["LICENSE", "README.md", "package.json"];
    const others = installed.files.filter((file) => !documents.includes(file));
    expect(installed.files).toEqual(
      expect.arrayContaining([...documents, "client/index.js", "client/index.d.ts"]),
    );
    const built = /^(?:client|protocol|storage\/core)\/[\w/-]+\.(?:js|d\.ts)$/;
    expect(others.filter((file) => !built.test(file))).toEqual([]);
  });

  it("depends on ethers and the noble packages alone, from the version on that this repository tests", () => {
    const { dependencies } = rootManifest;
    const tested = ["@noble/curves", "@noble/hashes", "ethers"].map((name) => [
      name,
      `^${dependencies[name]}`,
    ]);
    expect(installed.manifest.dependencies).toEqual(Object.fromEntries(tested));
  });

  it(`is imported and used by Node ${node.version}`, async () => {
    const file = join(installed.project, "program.js");
    await writeFile(file, program);
    const { stdout } = await run(node.path, [file], { cwd: installed.project });
    expect(JSON.parse(stdout)).toEqual({
      month: "40 coin",
      refused: "input",
      provider: "network",
      wallet: 42,
    });
  });

  it.each([
    ["nodenext", "nodenext"],
    ["bundler", "esnext"],
  ])("has types for moduleResolution %s", async (moduleResolution, module) => {
    const project = join(installed.project, moduleResolution);
    await mkdir(project);
    await writeFile(join(project, "typed.ts"), typed);
    const compilerOptions = {
      target: "es2022",
      lib: ["es2022", "dom"],
      module,
      moduleResolution,
      strict: true,
      noEmit: true,
      // The declarations of all packages are checked too, not only this file.
      skipLibCheck: false,
      types: [],
    };
    await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["typed.ts"] }));
    const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
    const { stdout } = await run(process.execPath, [tsc, "--project", project]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe("");
  });
});
