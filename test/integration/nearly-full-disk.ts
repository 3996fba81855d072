/** Scene: a keeper's disk fills up until the alert WhitepayDiskLow fires. Checks the reports, and after how long they come. */
import { statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { expect } from "vitest";
import { accessibilityFaults, looks, openPage, pageSays } from "../browser/chromium.ts";
import type { Look } from "../browser/chromium.ts";
import { firing, samplesOf } from "../support/alerts.ts";
import { runCli, startCli } from "../support/cli.ts";
import type { CliProcess } from "../support/cli.ts";
import type { OperatingWorld } from "../support/operating-world.ts";
import { startOnSmallDisk } from "../support/small-disk.ts";

/** The limit of the alert. */
const low_kib = 2 * 1024 ** 2;
const spare_kib = 32 * 1024;
const patience_ms = 30_000;

type Scene = {
  readonly running: CliProcess;
  readonly api: string;
  readonly folder: string;
  /** Options that lead commands to this keeper's configuration. */
  readonly words: readonly string[];
};

const figuresOf = async (api: string): Promise<string> => (await fetch(`${api}/metrics`)).text();

/** @returns seconds until the alert fired */
async function fill({ running, api, folder, words }: Scene, browser: Browser): Promise<number> {
  const fired = async (): Promise<string[]> => firing("WhitepayDiskLow", await figuresOf(api));
  expect(await fired()).toEqual([]);
  // Only the process sees its disk at `folder`.
  const there = join("/proc", String(running.child.pid), "root", folder);
  await writeFile(join(there, "filler"), Buffer.alloc(2 * spare_kib * 1024));
  const begun_ms = performance.now();
  await expect.poll(fired, { timeout: patience_ms }).toEqual([""]);
  const after_s = (performance.now() - begun_ms) / 1000;
  process.stdout.write(`disk nearly full: seen by a keeper after ${after_s.toFixed(1)} s\n`);
  await running.said('"reason":"disk-low"');
  const status = await runCli(["keeper", "status", ...words, "--data-dir", there]);
  expect(status.stdout).toMatch(/^disk {6}\d+ MiB free, expected 2048 MiB or more: /m);
  const watched = await openPage(browser, api, looks[2] as Look);
  const { page, troubles } = watched;
  await pageSays(page, "#problems .banner.warn", "Only 1.97 GiB are free on the disk of the data folder.");
  expect(await accessibilityFaults(page)).toEqual([]);
  expect(troubles).toEqual([]);
  await watched.close();
  return after_s;
}

/** Reads the alert with the free space that there is. */
async function readAsItIs({ api, folder }: Scene): Promise<number> {
  process.stdout.write(
    "disk nearly full: NOT PLAYED, because this machine refuses mount namespaces; the alert is read with the free space that there is\n",
  );
  const { bavail, bsize } = await statfs(folder);
  const isLow = bavail * bsize < low_kib * 1024;
  expect(firing("WhitepayDiskLow", await figuresOf(api))).toHaveLength(isLow ? 1 : 0);
  return 0;
}

/** @returns seconds until the alert fired; 0 where the system refuses mount namespaces */
export async function diskFillsUp(world: OperatingWorld, browser: Browser): Promise<number> {
  const { scene, disks, keeper } = world;
  const folder = join(scene.folder, "nearly-full");
  const words = ["--config", keeper];
  const run = ["keeper", "run", ...words, "--data-dir", folder, "--api-port", "0"];
  const running = disks ? await startOnSmallDisk(run, { folder, kib: low_kib + spare_kib }) : startCli(run);
  let stdout = "";
  running.child.stdout?.on("data", (text: string) => (stdout += text));
  await running.said('"event":"ready"');
  const { api } = JSON.parse(stdout) as { api: string };
  const free = async () => samplesOf(await figuresOf(api), "whitepay_disk_free_bytes").get("");
  await expect.poll(free, { timeout: patience_ms }).toBeGreaterThan(0);
  const played = { running, api, folder, words };
  const after_s = await (disks ? fill(played, browser) : readAsItIs(played));
  running.child.kill("SIGTERM");
  const { code, stderr } = await running.ended;
  expect(code, stderr).toBe(0);
  return after_s;
}
