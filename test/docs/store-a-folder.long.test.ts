/** docs/store-a-folder.md: its commands run as written in one shell, from the devnet to the folder that comes back byte for byte. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";
import { fits, openShell, stepsOf } from "../support/documented.ts";
import { seededBytes, temporaryFolder } from "../support/files.ts";
import { alive } from "../support/whitepay.ts";

const steps = stepsOf(await readFile(join(projectRoot, "docs/store-a-folder.md"), "utf8"));

it("leads from a folder to paid storage with one command, and nothing is carried by hand", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "photos/2024"), { recursive: true });
  await writeFile(join(folder, "photos/a.jpg"), seededBytes(2_000_000, 1));
  await writeFile(join(folder, "photos/2024/b.jpg"), seededBytes(1_000_000, 2));
  // Carried by hand would be: an address, a root or a key in a command.
  for (const { command } of steps) expect(command).not.toMatch(/0x[0-9a-fA-F]{8}/);
  expect(steps.filter(({ command }) => / (?:store|group|provider|committee) /.test(command))).toHaveLength(1);
  const shell = openShell(folder, {});
  let pids: number[] = [];
  try {
    for (const { command, output } of steps) {
      const { code, lines } = await shell.run(command);
      expect(code, `${command}\n${lines.join("\n")}`).toBe(0);
      expect(fits(output, lines), `${command}\n${lines.join("\n")}`).toBe(true);
      if (pids.length > 0 || !command.includes("devnet.json ]")) continue;
      const text = await readFile(join(folder, "devnet.json"), "utf8");
      const { keepers, providers } = JSON.parse(text) as Record<string, { pid: number }[]>;
      pids = [...(keepers ?? []), ...(providers ?? [])].map(({ pid }) => pid);
    }
    expect(pids).toHaveLength(9);
    await shell.run("wait");
    expect(await alive(pids)).toEqual([]);
  } finally {
    await shell.close();
  }
});
