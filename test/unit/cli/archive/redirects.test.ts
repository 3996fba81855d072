/** Redirects of a server with TLS, under a certificate of the test. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { followed } from "../../../../cli/archive/redirects.ts";
import { serve } from "../../../support/archive/http-server.ts";
import { temporaryFolder } from "../../../support/files.ts";

const run = promisify(execFile);

/** Redirects to the path that it is asked for. */
async function redirecting(): Promise<string> {
  const folder = await temporaryFolder();
  const [key, cert] = [join(folder, "key"), join(folder, "cert")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  const name = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"];
  await run("openssl", ["req", "-x509", ...curve, ...name, "-keyout", key, "-out", cert]);
  const pem = await readFile(cert, "utf8");
  const before = getCACertificates("default");
  setDefaultCACertificates([...before, pem]);
  const server = createServer({ key: await readFile(key), cert: pem }, ({ url = "" }, response) => {
    if (url === "/end") return void response.end("whole");
    response.writeHead(302, { Location: decodeURIComponent(url.slice(1)) }).end();
  });
  onTestFinished(() => {
    setDefaultCACertificates(before);
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it("a redirect from https to http is refused, one to https is followed", async () => {
  const plain = await serve((_, response) => response.end("plain"));
  const secure = await redirecting();
  const to = (place: string): string => `${secure}/${encodeURIComponent(place)}`;
  for (const place of ["/end", `${secure}/end`, to("/end")]) {
    const { answer, place: end } = await followed(to(place), {});
    expect([await answer.text(), end]).toEqual(["whole", `${secure}/end`]);
  }
  for (const place of [plain, to(plain)]) {
    await expect(followed(to(place), {})).rejects.toMatchObject({ expected: "an https URL" });
  }
});

it.each([301, 302, 303, 307, 308])(
  "a redirect with the status %i is followed, no other answer is",
  async (status) => {
    const base = await serve(({ url }, response) => {
      if (url === "/end") return void response.end("whole");
      response.writeHead(url === "/200" ? 200 : status, { Location: "/end" }).end();
    });
    expect((await followed(`${base}/start`, {})).place).toBe(`${base}/end`);
    expect((await followed(`${base}/200`, {})).place).toBe(`${base}/200`);
  },
);
