import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { StateFolder, stateFolder } from "../../../../cli/store/state.ts";

const scratch = mkdtempSync(join(tmpdir(), "whitepay-state-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let count = 0;
const folder = (): string => join(scratch, `payer-${count++}.store`);
const whose = { chainId: 31_337, payer: `0x${"ab".repeat(20)}` };
const root = `0x${"11".repeat(32)}`;

describe("the state of a payer's work", () => {
  it("lies beside the configuration, for the user alone, and survives", async () => {
    expect(stateFolder("/home/me/payer.yaml")).toBe("/home/me/payer.store");
    expect(stateFolder(undefined)).toBe("payer.store");
    const dir = folder();
    const first = await StateFolder.open(dir, whose);
    await first.save({ pending: { hash: root, raw: "0x02" } });
    await first.saveTree(root, Uint8Array.of(1, 2));
    await first.close();
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, "state.json")).mode & 0o777).toBe(0o600);
    const second = await StateFolder.open(dir, whose);
    expect(second.state.pending).toEqual({ hash: root, raw: "0x02" });
    expect([...((await second.readTree(root)) ?? [])]).toEqual([1, 2]);
    expect(await second.readTree(`0x${"22".repeat(32)}`)).toBeUndefined();
    await second.finish(whose.payer);
    expect(second.state).toMatchObject({ group: whose.payer, transactions: [] });
    expect(second.state.pending).toBeUndefined();
    expect(await second.readTree(root)).toBeUndefined();
    await second.close();
  });

  it("is for one process at a time, and a killed one does not keep it", async () => {
    const dir = folder();
    const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    await StateFolder.open(dir, whose).then((own) => own.close());
    writeFileSync(join(dir, "lock"), `${other.pid}\n`);
    await expect(StateFolder.open(dir, whose)).rejects.toMatchObject({
      code: 6,
      message: expect.stringMatching(/under way/),
    });
    const ended = new Promise((done) => other.once("close", done));
    other.kill("SIGKILL");
    await ended;
    const own = await StateFolder.open(dir, whose);
    await own.close();
    expect(existsSync(join(dir, "lock"))).toBe(false);
  });

  it.each([
    ["no JSON", "{", /damaged/],
    ["another document", '{"version":2}', /damaged/],
    ["an unknown field", JSON.stringify({ version: 1, ...whose, transactions: [], extra: 1 }), /damaged/],
    [
      "another payer",
      JSON.stringify({ version: 1, chainId: 31_337, payer: `0x${"cd".repeat(20)}`, transactions: [] }),
      /another payer/,
    ],
    [
      "another chain",
      JSON.stringify({ version: 1, chainId: 1, payer: whose.payer, transactions: [] }),
      /another payer or chain/,
    ],
  ])("is refused with %s, and stays as it is", async (_, text, why) => {
    const dir = folder();
    await StateFolder.open(dir, whose).then((own) => own.close());
    writeFileSync(join(dir, "state.json"), text);
    await expect(StateFolder.open(dir, whose)).rejects.toMatchObject({
      code: 2,
      message: expect.stringMatching(why),
    });
    expect(readFileSync(join(dir, "state.json"), "utf8")).toBe(text);
  });
});
