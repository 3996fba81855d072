/** The provider's databases: what their errors say. */
import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { expect, it, onTestFinished } from "vitest";
import { openAnswers } from "../../../provider/answers-level.ts";
import { ReadingStore } from "../../../provider/reading/reading-store.ts";
import { StoredRequests } from "../../../provider/store/requests.ts";
import { temporaryFolder } from "../../support/files.ts";

const databases = [
  { name: "answers", open: openAnswers, remedy: "the provider then makes the answers again" },
  { name: "requests", open: (dir: string) => StoredRequests.open(dir), remedy: "restore the folder" },
  { name: "reading", open: (dir: string) => ReadingStore.open(dir), remedy: "restore the folder" },
];

it.each(databases)("$name: says that another provider has the folder open", async ({ open }) => {
  const folder = await temporaryFolder();
  const first = await open(folder);
  onTestFinished(() => first.close());
  await expect(open(folder)).rejects.toMatchObject({
    name: "FolderInUseError",
    message: `${folder}: in use; another provider runs with this data folder: stop it first`,
  });
});

it.each(databases)("$name: says how to mend a damaged folder", async ({ open, remedy }) => {
  const folder = await temporaryFolder();
  await (await open(folder)).close();
  await writeFile(join(folder, "CURRENT"), "no such manifest\n");
  const message: unknown = expect.stringContaining(remedy);
  await expect(open(folder)).rejects.toMatchObject({ name: "StoreError", message });
});
