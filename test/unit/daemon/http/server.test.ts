/** The HTTP server under floods: connections, requests and slow requests are bounded, and others are answered (L4). */
import { get } from "node:http";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { Hono } from "hono";
import { expect, it, onTestFinished } from "vitest";
import { startHttp } from "../../../../daemon/http/server.ts";
import type { ServerOptions } from "../../../../daemon/http/server.ts";

const stranger = "127.0.0.2";

async function served(limits: Partial<ServerOptions>): Promise<{ url: URL; answered: () => number }> {
  let answers = 0;
  const app = new Hono().get("/", (context) => {
    answers++;
    return context.text("here");
  });
  const server = await startHttp(app, { host: "0.0.0.0", port: 0, ...limits });
  onTestFinished(() => server.stop());
  return { url: new URL(server.url.replace("0.0.0.0", "127.0.0.1")), answered: () => answers };
}

/** Status and Retry-After of one request from an address of this machine. */
function asked(url: URL, localAddress = "127.0.0.1"): Promise<string> {
  return new Promise((done) => {
    get(url, { localAddress, agent: false }, (response) => {
      response.resume();
      const wait = response.headers["retry-after"];
      response.once("end", () => done(`${response.statusCode}${wait === undefined ? "" : ` ${wait}`}`));
    }).once("error", (error) => done((error as NodeJS.ErrnoException).code ?? error.message));
  });
}

function connected({ hostname, port }: URL, localAddress: string): Promise<Socket> {
  return new Promise((done, fail) => {
    const socket = connect({ host: hostname, port: Number(port), localAddress }, () => done(socket));
    socket.once("error", fail);
    onTestFinished(() => void socket.destroy());
  });
}

const closed = (socket: Socket): Promise<unknown> =>
  socket.destroyed ? Promise.resolve() : new Promise((done) => socket.resume().once("close", done));

it("answers requests of one address at the rate, and those of others meanwhile", async () => {
  const { url, answered } = await served({ requests: { burst: 5, perSecond: 0.001 } });
  const told: string[] = [];
  for (let i = 0; i < 40; i++) told.push(await asked(url, stranger));
  expect(told).toEqual([...Array(5).fill("200"), ...Array(35).fill("429 1")]);
  expect(answered()).toBe(5);
  expect(await asked(url)).toBe("200");
});

it("answers requests of all addresses at the rate of all", async () => {
  const rate = { burst: 4, perSecond: 0.001 };
  const { url, answered } = await served({ requests: rate, allRequests: { burst: 6, perSecond: 0.001 } });
  const told: string[] = [];
  for (let i = 0; i < 12; i++) told.push(await asked(url, `127.0.0.${2 + (i % 3)}`));
  expect(told).toEqual([...Array(6).fill("200"), ...Array(6).fill("429 1")]);
  expect(answered()).toBe(6);
});

it("closes connections of one address beyond its limit, and takes those of others", async () => {
  const { url } = await served({ maxConnectionsOfAddress: 3 });
  const open = [];
  for (let i = 0; i < 3; i++) open.push(await connected(url, stranger));
  for (let i = 0; i < 20; i++) await closed(await connected(url, stranger));
  expect(open.map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
  expect(await asked(url)).toBe("200");
  // A closed connection makes room for another.
  open[0]?.destroy();
  await expect.poll(() => asked(url, stranger)).toBe("200");
});

it("closes connections beyond the limit of all", async () => {
  const { url } = await served({ maxConnections: 2 });
  const open = [await connected(url, stranger), await connected(url, "127.0.0.3")];
  expect(await asked(url)).toBe("ECONNRESET");
  open[0]?.destroy();
  await expect.poll(() => asked(url)).toBe("200");
});

it("ends a request that does not arrive in time", async () => {
  const { url, answered } = await served({ requestTimeout_ms: 200 });
  const slow = await connected(url, stranger);
  slow.write("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
  await closed(slow);
  expect(answered()).toBe(0);
});
