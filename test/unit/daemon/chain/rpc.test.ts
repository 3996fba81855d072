import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { RpcDisagreement, RpcPool, RpcUnavailable } from "../../../../daemon/chain/rpc.ts";

type Said = { readonly result?: unknown; readonly error?: object } | "cut";

type Served = { readonly url: string; readonly calls: string[] };

/** An endpoint of chain 1; the test defines its answers to all calls but eth_chainId. */
async function serve(say: (method: string) => Said): Promise<Served> {
  const calls: string[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    request.on("end", () => {
      const { id, method } = JSON.parse(text) as { id: number; method: string };
      if (method !== "eth_chainId") calls.push(method);
      const said = method === "eth_chainId" ? { result: "0x1" } : say(method);
      if (said === "cut") return void request.socket.destroy();
      response.end(JSON.stringify({ jsonrpc: "2.0", id, ...said }));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls };
}

type Pool = { readonly pool: RpcPool; readonly troubles: string[]; now_ms: number };

function poolOf(...endpoints: readonly Served[]): Pool {
  const made: Pool = {
    pool: new RpcPool({ chainId: 1, urls: endpoints.map(({ url }) => url) }, () => made.now_ms),
    troubles: [],
    now_ms: 0,
  };
  made.pool.onTrouble((code) => made.troubles.push(code));
  onTestFinished(() => made.pool.close());
  return made;
}

const well = (): Said => ({ result: "0xa" });
const failing = (): Said => ({ error: { code: -32_603, message: "internal error" } });

describe("one call", () => {
  it("tries the next endpoint after an error other than a revert", async () => {
    const { pool } = poolOf(await serve(failing), await serve(well));
    expect(await pool.send("eth_call", [])).toBe("0xa");
  });

  it("ends at a revert, which every endpoint would return", async () => {
    const revert = { error: { code: 3, message: "execution reverted", data: "0x12345678" } };
    const second = await serve(well);
    const { pool } = poolOf(await serve(() => revert), second);
    await expect(pool.send("eth_call", [])).rejects.toMatchObject({ revert: "0x12345678" });
    expect(second.calls).toEqual([]);
  });

  it("reports the error of an endpoint in preference to an endpoint that is down", async () => {
    const { pool } = poolOf(await serve(() => "cut"), await serve(failing));
    await expect(pool.send("eth_call", [])).rejects.toMatchObject({ name: "RpcError", code: -32_603 });
  });

  it("reports each pause of an endpoint once, and retries the only endpoint at once", async () => {
    let down = true;
    const made = poolOf(await serve(() => (down ? "cut" : { result: "0xb" })));
    for (let i = 0; i < 5; i++) await expect(made.pool.send("eth_call", [])).rejects.toThrow(RpcUnavailable);
    expect(made.troubles).toEqual(["rpc-down"]);
    down = false;
    expect(await made.pool.send("eth_call", [])).toBe("0xb");
  });
});

describe("an endpoint that stays down while another works", () => {
  it("is tried less and less often, at least once a minute, and normally after it recovers", async () => {
    let down = true;
    const broken = await serve(() => (down ? "cut" : { result: "0xa" }));
    const made = poolOf(broken, await serve(well));
    const step_ms = 500;
    const play = async (minutes: number): Promise<number> => {
      const before = broken.calls.length;
      for (const end = made.now_ms + minutes * 60_000; made.now_ms < end; made.now_ms += step_ms) {
        expect(await made.pool.send("eth_call", [])).toBe("0xa");
      }
      return broken.calls.length - before;
    };
    // After 3, 6, 12, 24, 48 and 60 seconds, then once a minute.
    expect(await play(10)).toBeLessThanOrEqual(14);
    expect(await play(10)).toBe(10);
    down = false;
    await play(1.5);
    down = true;
    expect(await play(0.1)).toBeGreaterThan(1);
  });
});

describe("a call on several endpoints", () => {
  const saying = (result: string): Promise<Served> => serve(() => ({ result }));

  it("accepts two equal answers without asking a third endpoint", async () => {
    const third = await saying("0xb");
    const { pool, troubles } = poolOf(await saying("0xa"), await saying("0xa"), third);
    expect(await pool.sendAgreed("eth_call", [])).toBe("0xa");
    expect([third.calls, troubles]).toEqual([[], []]);
  });

  it("asks a third endpoint if two differ, and pauses the one in the minority", async () => {
    const liar = await saying("0xb");
    const { pool, troubles } = poolOf(liar, await saying("0xa"), await saying("0xa"));
    expect(await pool.sendAgreed("eth_call", [])).toBe("0xa");
    expect(await pool.sendAgreed("eth_call", [])).toBe("0xa");
    expect([liar.calls.length, troubles]).toEqual([1, ["rpc-disagrees"]]);
  });

  it("accepts neither of two different answers, also if one is a revert", async () => {
    const revert = { error: { code: 3, message: "execution reverted", data: "0x12345678" } };
    for (const other of [await saying("0xb"), await serve(() => revert)]) {
      const { pool, troubles } = poolOf(await saying("0xa"), other);
      await expect(pool.sendAgreed("eth_call", [])).rejects.toThrow(RpcDisagreement);
      expect(troubles).toEqual(["rpc-disagrees"]);
    }
  });

  it("accepts the answer of the only endpoint that has one", async () => {
    for (const other of [
      await serve(failing),
      await serve(() => "cut"),
      await serve(() => ({ result: null })),
    ]) {
      const { pool } = poolOf(other, await saying("0xa"));
      expect(await pool.sendAgreed("eth_call", [])).toBe("0xa");
    }
  });

  it("sends a transaction to all endpoints, and succeeds if one accepts it", async () => {
    const endpoints = [await serve(failing), await saying("0xa"), await saying("0xa")];
    const { pool } = poolOf(...endpoints);
    expect(await pool.sendToAll("eth_sendRawTransaction", [])).toBe("0xa");
    expect(endpoints.map(({ calls }) => calls.length)).toEqual([1, 1, 1]);
    const refusing = poolOf(await serve(failing), await serve(() => "cut"));
    await expect(refusing.pool.sendToAll("eth_sendRawTransaction", [])).rejects.toThrow(/internal error/);
  });
});
