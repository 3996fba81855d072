/** Reads all that the page shows: settings, manifest, chain, piece lists. Each step checks what the one before found. */
import type { Provider } from "ethers";
import { connectChain } from "../../client/connect.ts";
import { fundersOf } from "../../client/funders.ts";
import { registryOf } from "../../client/group-plans.ts";
import type { Deposit } from "../../client/holdings.ts";
import { archiveStanding } from "../../client/standing.ts";
import { readToken } from "../../client/token.ts";
import type { Token } from "../../client/units.ts";
import { filesOf } from "../manifest.ts";
import { fetchBounded } from "./bounded.ts";
import { manifestDocument, standingDocument } from "./document.ts";
import type { Told } from "./documents.ts";
import { listReader } from "./read-lists.ts";
import { findManifest } from "./read-manifest.ts";
import { pageSettingsSchema, type PageSettings } from "./settings.ts";
import { blockTimes } from "./times.ts";
import { wordsOf } from "./words-of-errors.ts";

const maxSettingsBytes = 4 * 1024 * 1024;

/** What stops the page, in sentences for its readers. */
export class PageProblem extends Error {
  override readonly name = "PageProblem";
}

/** @throws PageProblem */
export function settingsIn(bytes: Uint8Array): PageSettings {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new PageProblem(`settings.json is not JSON: ${(error as Error).message}`);
  }
  const parsed = pageSettingsSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new PageProblem(`settings.json: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not valid"}`);
}

async function settingsAt(base: string): Promise<PageSettings> {
  const bytes = await fetchBounded("settings.json", base, maxSettingsBytes).catch((error: unknown) => {
    throw new PageProblem(`settings.json beside this page cannot be read: ${(error as Error).message}`);
  });
  return settingsIn(bytes);
}

async function connected({ chainId, rpc }: PageSettings): Promise<Provider & { destroy(): void }> {
  try {
    return await connectChain({ id: chainId, rpc });
  } catch (error) {
    throw new PageProblem(wordsOf(error));
  }
}

/** @param base URL of the page's folder @param tell called with each step, at last with the whole. @throws PageProblem */
export async function readPage(base: string, tell: (told: Told) => void): Promise<void> {
  const settings = await settingsAt(base);
  tell({ kind: "progress", text: "reading the manifest" });
  const { manifest, remarks } = await findManifest(settings, base).catch((error: unknown) => {
    throw new PageProblem((error as Error).message);
  });
  tell({ kind: "manifest", manifest: manifestDocument(manifest, settings.manifest) });
  const provider = await connected(settings);
  try {
    const { factory, lens, groups, days, readers, lists } = settings;
    const registry = await registryOf(provider, factory);
    const listed = new Set(lists.map((root) => root.toLowerCase()));
    const listOf = listReader(readers, listed, base);
    const standing = await archiveStanding(
      { provider, registry, factory, lens },
      {
        manifest: settings.manifest,
        previous: manifest.previous,
        roots: filesOf(manifest).map(({ root }) => root),
        groups: groups ?? undefined,
        days,
      },
      ({ held }) => listOf(held.listRoot, held.bytes),
      (group, block, to) =>
        tell({ kind: "progress", text: `reading group ${group}: block ${block} of ${to}` }),
    );
    tell({ kind: "progress", text: "reading the times of blocks" });
    const { from, to } = standing.window;
    const tokens = new Map<string, Token>();
    const deposits = new Map<string, readonly Deposit[]>();
    for (const { page, holdings } of standing.groups) {
      tokens.set(page.address, await readToken(provider, page.config.token));
      const group = { page, deposits: holdings.deposits };
      deposits.set(page.address, await fundersOf(provider, { registry, factory }, group));
    }
    const timeOf = await blockTimes(provider, from, to - 1);
    const parts = { settings, manifest, standing, tokens, deposits, timeOf, remarks };
    tell({ kind: "standing", standing: standingDocument(parts) });
  } catch (error) {
    if (error instanceof PageProblem) throw error;
    throw new PageProblem(wordsOf(error));
  } finally {
    provider.destroy();
  }
}
