/** Floods of a keeper or a provider, on real libp2p: few messages pass, and honest peers are still served (D6, L4). */
import { afterEach, describe, expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { startCallingNode } from "../../keeper/adapters/libp2p/node.ts";
import type { CallingNode } from "../../keeper/adapters/libp2p/node.ts";
import { askProvider } from "../../keeper/adapters/libp2p/provider.ts";
import { keccakWords } from "../../protocol/hash.ts";
import type { ReasonCode } from "../../protocol/reasons.ts";
import { gossipBytes, refusedRate, smallestScale } from "../../protocol/limits/derived.ts";
import type { Endpoint } from "../../keeper/ports/chain.ts";
import type { FloodReport } from "../../scripts/bench/floods/kinds.ts";
import { Flooder } from "../../scripts/bench/floods/measure.ts";
import {
  Transports,
  introduce,
  registration,
  testTopic,
  until,
  watchConnections,
} from "../support/transports.ts";

const transports = new Transports();
const flooders: Flooder[] = [];
let calling: CallingNode | undefined;

function flooder(...flood: ConstructorParameters<typeof Flooder>): Flooder {
  const one = new Flooder(...flood);
  flooders.push(one);
  return one;
}

afterEach(async () => {
  for (const one of flooders.splice(0)) one.stop();
  await calling?.libp2p.stop();
  calling = undefined;
  await transports.stop();
});

const seconds = 3;

describe("a provider that a keeper connects to", () => {
  it("cannot send gossip: every stream that it opens is refused", async () => {
    calling = await startCallingNode(keccakWords(40, 99));
    const provider = flooder({ kind: "provider", size: 300, seconds });
    const { peerId, multiaddrs } = await provider.next<Endpoint>();
    const call = { protocol: "/none", bytes: new Uint8Array(3), maxBytes: 100 };
    const asked = await askProvider(calling, { peerId, addrs: multiaddrs }, call, { timeout_ms: 5_000 });
    expect(asked).toMatchObject({ ok: false, reason: "unreachable" });
    const report = await provider.next<FloodReport>();
    expect(report.sent).toBe(0);
    expect(report.refused).toBeGreaterThan(10);
  });
});

describe("a flooding keeper with a proven peer id", () => {
  it.each([
    ["small messages", 300],
    ["large messages", 100_000],
  ] as const)(
    "with %s is read no faster than its share, and an honest keeper is heard",
    async (_name, size) => {
      const reasons: ReasonCode[] = [];
      const [known, honest] = await Promise.all([
        transports.start(0, { onReason: (code) => reasons.push(code) }),
        transports.start(2),
      ]);
      let refused = 0;
      let refusedBytes = 0;
      let heard = 0;
      known.join(testTopic, async (bytes) => {
        if (new TextDecoder().decode(bytes.subarray(0, 5)) === "hello") {
          heard++;
          return "accept";
        }
        refused++;
        refusedBytes += bytes.length;
        return "ignore";
      });
      honest.join(testTopic, async () => "accept");
      const liar = flooder({
        kind: "keeper",
        index: 1,
        target: { peerId: known.peerId, addresses: known.addresses },
        size,
        seconds,
      });
      const entry = await liar.next<Endpoint>();
      introduce([known, honest], [registration(0, known), registration(2, honest)]);
      known.setMembers([entry, registration(2, honest)], registration(0, known), smallestScale);
      const connected = watchConnections([known]);
      await until(() => connected[0]?.length === 2, "both are connected");
      // A message that is published before its subscribers are known reaches nobody; the protocol requests it later (R22).
      const listeners = (): number => honest.node.services.pubsub.getSubscribers(testTopic).length;
      await until(() => listeners() > 0, "the honest keeper knows that the other one listens");
      const start_ms = performance.now();
      for (let i = 0; i < 10; i++) {
        await sleep((seconds * 1000) / 10);
        await honest.publish(testTopic, new TextEncoder().encode(`hello ${i}`));
      }
      await liar.next<FloodReport>();
      await until(() => heard === 10, "all of the honest keeper's messages are heard");
      const elapsed = (performance.now() - start_ms) / 1000 + 1;
      const messages = refusedRate(smallestScale);
      expect(refused).toBeLessThanOrEqual(messages.burst + messages.perSecond * elapsed);
      const bytes = gossipBytes(smallestScale);
      expect(refusedBytes).toBeLessThanOrEqual(bytes.burst + bytes.perSecond * elapsed);
    },
  );
});
