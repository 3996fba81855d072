import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { statusOf } from "../../../../cli/keeper-api/status.ts";

/** An HTTP server that answers every request with `body`. */
async function answering(body: string): Promise<string> {
  const server = createServer((_, response) => void response.end(body));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const group = { group: "0x12", committee: "0x34", number: 1, settledThrough: 4 };
const committee = { committee: "0x34", ts: 5, turn: 1, leader: 2, phase: "sign" };
const status = { head: 9, view: 8, peers: 3 };

describe("the status of a running keeper", () => {
  it("is read with all its values", async () => {
    const counts = { asked: 3, whole: 1, partial: 1, failed: 1, unmeasured: 0 };
    const challenges = { ...counts, bytesProven: "131", bytesCommitted: "300" };
    const members = [{ index: 0, speaks: 2, operator: "0x34" }];
    const told = { ...status, committees: [{ ...committee, members }], groups: [{ ...group, challenges }] };
    const found = await statusOf(await answering(JSON.stringify(told)));
    expect(found?.groups[0]).toEqual({ ...group, challenges });
    expect(found?.committees[0]).toEqual({ ...committee, members: [{ index: 0, speaks: 2 }] });
  });

  it("of an earlier release lacks the optional values", async () => {
    const challenges = { asked: 3, passed: 2, failed: 1 };
    const members = [{ index: 0 }];
    const told = { ...status, committees: [{ ...committee, members }], groups: [{ ...group, challenges }] };
    const found = await statusOf(await answering(JSON.stringify(told)));
    expect(found).toEqual({ ...status, committees: [committee], groups: [group] });
  });

  it("is undefined if another program answers", async () => {
    for (const body of ["", "[]", "{}", '{"groups": 1}']) {
      expect(await statusOf(await answering(body))).toBeUndefined();
    }
  });
});
