/**
 * Stands between a client and an S3 server, as a store's front does: checks every signature (AWS Signature Version 4) and the client's clock,
 * which the server behind it does not, and makes faults on demand. It answers from its own port of the loopback interface.
 */
import { createHash, createHmac } from "node:crypto";
import { createServer, request } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export type GateFault =
  | { readonly kind: "answer"; readonly status: number; readonly code: string }
  | { readonly kind: "hang" }
  | { readonly kind: "cut" }
  /** The server answers; the client gets the answer when `meanwhile` has ended. */
  | { readonly kind: "late"; readonly meanwhile: () => Promise<unknown> };

export type GateRequest = {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
};

const maxSkew_ms = 15 * 60_000;

export class S3Gate {
  readonly accessKeyId = "AKIDGATE";
  readonly secretAccessKey = "a secret of the gate";
  /** Requests that passed. */
  readonly requests: GateRequest[] = [];
  /** The gate's clock less this machine's. */
  skew_ms = 0;
  /** Decides about each request; undefined: it passes. */
  fault: (request: GateRequest) => GateFault | undefined = () => undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number) {
    this.#server = createServer((from, to) => {
      void this.#pass(from, to, target).catch((error: unknown) => to.destroy(error as Error));
    });
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** @param target port of the server on the loopback interface */
  static async open(target: number): Promise<S3Gate> {
    const gate = new S3Gate(target);
    await gate.#listen(0);
    return gate;
  }

  #listen(port: number): Promise<void> {
    return new Promise((done) => this.#server.listen(port, "127.0.0.1", done));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((done) => this.#server.close(done));
  }

  async #pass(from: IncomingMessage, to: ServerResponse, target: number): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of from) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { method = "", url = "" } = from;
    const asked = { method, path: url, range: from.headers.range };
    const fault = this.fault(asked);
    if (fault?.kind === "hang") return;
    if (fault?.kind === "cut") return void from.socket.destroy();
    const now = new Date(Date.now() + this.skew_ms);
    to.setHeader("date", now.toUTCString());
    const late = fault?.kind === "late" ? fault : undefined;
    const refusal =
      (fault?.kind === "answer" ? fault : undefined) ??
      refusalOf(from, body, { now, id: this.accessKeyId, secret: this.secretAccessKey });
    if (refusal !== undefined) {
      to.writeHead(refusal.status, { "content-type": "application/xml" });
      to.end(`<?xml version="1.0"?><Error><Code>${refusal.code}</Code><Message>refused</Message></Error>`);
      return;
    }
    this.requests.push(asked);
    await new Promise<void>((done, fail) => {
      const options = { host: "127.0.0.1", port: target, method, path: url, headers: from.headers };
      const onward = request(options, (answer) => {
        const passOn = (): void => {
          to.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(to).on("finish", done).on("error", fail);
        };
        if (late === undefined) passOn();
        else late.meanwhile().then(passOn, fail);
      });
      onward.on("error", fail).end(body);
    });
  }
}

type Refusal = { readonly status: number; readonly code: string };
type Known = { readonly now: Date; readonly id: string; readonly secret: string };

const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** From the published form of the signature; the client's library is not used. */
function refusalOf(from: IncomingMessage, body: Buffer, { now, id, secret }: Known): Refusal | undefined {
  const form =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;
  const match = form.exec(from.headers.authorization ?? "");
  if (match === null) return { status: 403, code: "AccessDenied" };
  const [, key, day, region, names, signature] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  if (key !== id) return { status: 403, code: "InvalidAccessKeyId" };
  const time = String(from.headers["x-amz-date"]);
  const at = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (!(Math.abs(at - now.getTime()) <= maxSkew_ms)) return { status: 403, code: "RequestTimeTooSkewed" };
  const [path = "", query = ""] = (from.url ?? "").split("?");
  const canonicalQuery = query
    .split("&")
    .filter((part) => part !== "")
    .map((part) => (part.includes("=") ? part : `${part}=`))
    .sort()
    .join("&");
  const headers = names.split(";").map((name) => `${name}:${String(from.headers[name]).trim()}\n`);
  const payload = String(from.headers["x-amz-content-sha256"]);
  const canonical = [from.method, path, canonicalQuery, headers.join(""), names, payload].join("\n");
  const scope = `${day}/${region}/s3/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n");
  const signing = [day, region, "s3", "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${secret}`);
  if (hmac(signing, text).toString("hex") !== signature)
    return { status: 403, code: "SignatureDoesNotMatch" };
  const isSigned = /^[0-9a-f]{64}$/.test(payload);
  if (isSigned && sha256(body) !== payload) return { status: 400, code: "XAmzContentSHA256Mismatch" };
  return undefined;
}
