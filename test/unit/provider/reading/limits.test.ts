/** Limits on readers: one address cannot take what is there for all, and the memory for addresses is bounded. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { maxProofChars } from "../../../../protocol/codec/piece-http.ts";
import type { Rate } from "../../../../protocol/limits/token-buckets.ts";
import { projectRoot } from "../../../../scripts/paths.ts";
import {
  allRequestsRate,
  bytesRate,
  limitedAddress,
  readerLimits,
  requestsRate,
  ReaderLimits,
} from "../../../../provider/reading/limits.ts";

const rateText = ({ burst, perSecond }: Rate): string => `${burst}, ${Math.floor(perSecond)}`;

describe("addresses that share limits", () => {
  it.each([
    ["10.1.2.3", "10.1.2.3"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002"],
    ["2001:db8:1:2::9", "2001:0db8:0001:0002"],
    ["2001:db8::1", "2001:0db8:0000:0000"],
    ["fe80::1%eth0", "fe80:0000:0000:0000"],
    ["::1", "0000:0000:0000:0000"],
  ])("%s counts as %s", (address, counted) => {
    expect(limitedAddress(address)).toBe(counted);
  });
});

describe("docs/reading.md", () => {
  it("has the limits as they are", async () => {
    const page = await readFile(join(projectRoot, "docs/reading.md"), "utf8");
    const { connections, answers, range_ms, request_ms } = readerLimits;
    const perSecond = ({ perSecond: rate }: Rate): string => (rate / 2 ** 20).toFixed(1);
    const all = bytesRate();
    for (const row of [
      `| connections | ${connections.ofAddress} | ${connections.all} |`,
      `| answers under way | ${answers.ofAddress} | ${answers.all} |`,
      `| requests at once, and a second | ${rateText(requestsRate)} | ${rateText(allRequestsRate)} |`,
      `| bytes a second, unless \`bytesPerSecond\` says another number | ${perSecond(bytesRate(all.perSecond / 2))} MiB | ${perSecond(all)} MiB: a quarter of a core |`,
      `| time in which a range of 2 MB must be taken | ${range_ms / 1000} s | |`,
      `| time in which a request must arrive | ${request_ms / 1000} s | |`,
      `at most ${maxProofChars.toLocaleString("en")} characters`,
      `An answer holds one range in memory, so all hold ${answers.all * 2} MiB`,
    ])
      expect(page).toContain(row);
  });
});

describe("a flood of readers", () => {
  it("is answered within the limits of one address and of all", () => {
    let now_ms = 0;
    const limits = new ReaderLimits(() => now_ms, undefined);
    const answered = (address: string): number =>
      Array.from({ length: 2_000 }, () => limits.request(address)).filter(Boolean).length;
    const one = answered("10.0.0.1");
    expect(one).toBeLessThanOrEqual(256);
    let all = one;
    for (let i = 0; i < 10_000; i++) if (limits.request(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}x`)) all++;
    expect(all).toBeLessThanOrEqual(allRequestsRate.burst);
    expect(all).toBeGreaterThan(one);
    now_ms = 60_000;
    expect(limits.request("10.0.0.1")).toBe(true);
  });

  it("has a bounded number of answers under way, and one address only a part of them", () => {
    const limits = new ReaderLimits(() => 0, undefined);
    const ends = Array.from({ length: 100 }, () => limits.begin("10.0.0.1")).filter(
      (end) => end !== undefined,
    );
    expect(ends).toHaveLength(readerLimits.answers.ofAddress);
    const others = Array.from({ length: 1_000 }, (_, i) => limits.begin(`10.1.0.${i}`)).filter(
      (end) => end !== undefined,
    );
    expect(ends.length + others.length).toBe(readerLimits.answers.all);
    for (const end of [...ends, ...others]) end?.();
    expect(limits.begin("10.0.0.1")).toBeDefined();
  });

  it("waits so long that the bytes of one address stay below half of the rate, and those of all below it", () => {
    let now_ms = 0;
    const perSecond = 10_000_000;
    const limits = new ReaderLimits(() => now_ms, perSecond);
    let sent = 0;
    while (now_ms < 60_000) {
      const wait_ms = limits.bytes("10.0.0.1", 2_000_000);
      now_ms += wait_ms;
      sent += 2_000_000;
    }
    expect(sent / 60).toBeLessThan((perSecond / 2) * 1.2);
    expect(sent / 60).toBeGreaterThan(perSecond / 4);
    // A hundred addresses at once: the last of them waits as long as all bytes take.
    const waits_ms = Array.from({ length: 100 }, (_, i) => limits.bytes(`10.2.0.${i}`, 2_000_000));
    expect(200_000_000 / (Math.max(...waits_ms) / 1000)).toBeLessThan(perSecond * 1.2);
    expect(bytesRate().perSecond).toBeGreaterThan(2 ** 20);
  });
});
