import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { EthersHistory } from "../../../../../keeper/adapters/chain-ethers/history.ts";
import { defaultFeeLimits } from "../../../../../protocol/fees.ts";
import { RpcUnavailable } from "../../../../../daemon/chain/rpc.ts";

type Range = readonly [from: number, to: number];

/** An endpoint that serves logs of at most `most` blocks at once, with lists of the served and the refused ranges. */
async function endpoint(most: number): Promise<{ url: string; answered: Range[]; refused: Range[] }> {
  const [answered, refused]: [Range[], Range[]] = [[], []];
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    request.on("end", () => {
      const { id, method, params } = JSON.parse(text) as {
        id: number;
        method: string;
        params: [{ fromBlock: string; toBlock: string }];
      };
      const reply = (body: object): void => {
        response
          .setHeader("content-type", "application/json")
          .end(JSON.stringify({ jsonrpc: "2.0", id, ...body }));
      };
      if (method === "eth_chainId") return reply({ result: "0x1" });
      const range: Range = [Number(params[0].fromBlock), Number(params[0].toBlock)];
      if (range[1] - range[0] < most) {
        answered.push(range);
        return reply({ result: [] });
      }
      refused.push(range);
      return reply({ error: { code: -32602, message: "block range too large" } });
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, answered, refused };
}

function historyOf(url: string): EthersHistory {
  const history = new EthersHistory({ chainId: 1, urls: [url], fees: defaultFeeLimits }, () =>
    performance.now(),
  );
  onTestFinished(() => history.close());
  return history;
}

const group = `0x${"2e".repeat(20)}` as const;

it("splits a range that the endpoint refuses, and reads each block once", async () => {
  const { url, answered, refused } = await endpoint(300);
  expect(await historyOf(url).settlements(group, 1_000, 1_999)).toEqual([]);
  expect(answered).toEqual([
    [1_000, 1_249],
    [1_250, 1_499],
    [1_500, 1_749],
    [1_750, 1_999],
  ]);
  expect(refused).toHaveLength(3);
});

it("fails if a single block is refused or no endpoint answers, instead of returning no settlements", async () => {
  const strict = await endpoint(0);
  await expect(historyOf(strict.url).settlements(group, 5, 9)).rejects.toThrow(/block range too large/);
  expect(strict.refused).toEqual([
    [5, 9],
    [5, 7],
    [5, 6],
    [5, 5],
  ]);
  const away = historyOf("http://127.0.0.1:1");
  await expect(away.settlements(group, 5, 9)).rejects.toThrow(RpcUnavailable);
  expect(away.errors).toBe(1);
});
