/** Group files of tests: a private group, with the keepers' consents and the providers' data. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { draftOf } from "../../cli/group/create/draft.ts";
import { readGroupFile } from "../../cli/group/files/group.ts";
import { consentFiles, type PayerScene, type StoringProvider } from "./payer-scene.ts";

type FileOptions = {
  readonly name: string;
  readonly providers: readonly StoringProvider[];
  readonly extra?: string;
};

/** A private group of the first four keepers, which have signed their consents to its committee. */
export async function groupFile(
  scene: PayerScene,
  { name, providers, extra = "" }: FileOptions,
): Promise<string> {
  const path = join(scene.folder, `${name}.yaml`);
  const lines = [
    "preset: devnet",
    "blockTime_s: 1",
    `token: "${scene.token}"`,
    'pricePerMonth: "2592"',
    'deposit: "10"',
    extra,
    "keepers:",
    ...scene.keepers.slice(0, 4).map(({ operator }) => `  - "${operator}"`),
    ...providerLines(name, providers),
  ].filter((line) => line !== "");
  await writeFile(path, `${lines.join("\n")}\n`);
  const draft = draftOf(await readGroupFile(path), scene.factory);
  const consents = await consentFiles(scene, { ...draft, convener: scene.payer.address }, name);
  await writeFile(path, `${[...lines, `consents: [${consents.join(", ")}]`].join("\n")}\n`);
  return path;
}

export function providerLines(name: string, providers: readonly StoringProvider[]): string[] {
  return [
    "providers:",
    ...providers.flatMap(({ operator, files }, index) => [
      `  - operator: "${operator}"`,
      `    consent: ${name}-${index}.json`,
      "    data:",
      `      files: [${files.join(", ")}]`,
    ]),
  ];
}
