import { describe, expect, it } from "vitest";
import { InboundMeter } from "../../../../daemon/peers/inbound-meter.ts";

const rate = { burst: 1_000, perSecond: 100 };

function meterAt(maxPeers = 10): { meter: InboundMeter; pass: (time_ms: number) => void } {
  let now_ms = 0;
  const meter = new InboundMeter(
    () => rate,
    maxPeers,
    () => now_ms,
  );
  return { meter, pass: (time_ms) => (now_ms += time_ms) };
}

describe("an inbound meter", () => {
  it("pauses a peer above its burst until its debt is paid off", () => {
    const { meter, pass } = meterAt();
    expect(meter.took("peer", 1_000)).toBe(0);
    expect(meter.took("peer", 100)).toBe(1_000);
    pass(1_000);
    expect(meter.took("peer", 0)).toBe(0);
    expect(meter.took("peer", 10)).toBe(100);
  });

  it("pauses for 20 ms at least and for 5 s at most", () => {
    const { meter } = meterAt();
    expect(meter.took("peer", 1_001)).toBe(20);
    expect(meter.took("peer", 1_000_000)).toBe(5_000);
  });

  it("counts no bytes that were requested, and all others", () => {
    const { meter } = meterAt();
    const first = meter.expect("peer", 3_000);
    const second = meter.expect("peer", 2_000);
    expect(meter.took("peer", 4_500)).toBe(0);
    first();
    // 500 bytes of the second request are left, and the whole burst.
    expect(meter.took("peer", 1_500)).toBe(0);
    expect(meter.took("peer", 100)).toBe(1_000);
    second();
    meter.expect("peer", 100)();
    expect(meter.took("peer", 100)).toBe(2_000);
  });

  it("meters each peer by itself, and forgets the one that was silent for the longest time", () => {
    const { meter } = meterAt(2);
    for (const peer of ["a", "b"]) expect(meter.took(peer, 1_100)).toBe(1_000);
    expect(meter.took("a", 0)).toBe(1_000);
    expect(meter.took("c", 0)).toBe(0);
    expect(meter.took("a", 0)).toBe(1_000);
    expect(meter.took("b", 0)).toBe(0);
  });
});
