/** The HTTP interface of a ceremony, for strangers: log, files, statements, and the upload of the slot's response. */
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Hono } from "hono";
import type { Context } from "hono";
import { canonicalText } from "../../archive/canonical.ts";
import { definitionBytes } from "../../ceremony/running/definition.ts";
import {
  attestedSchema,
  joinSchema,
  maxEntryBytes,
  submittedSchema,
} from "../../ceremony/running/entries.ts";
import type { z } from "zod";
import type { Result } from "../../storage/core/result.ts";
import { wantedBytes } from "../../provider/reading/byte-range.ts";
import type { CeremonyService, ServiceCode } from "./service.ts";
import { statusOf } from "./status-document.ts";

/** Bytes of one request of an upload: at the time limit of a request, 17 kB a second are enough. */
export const maxChunkBytes = 2 * 1024 * 1024;
/** Bytes of entries in one answer; one entry always fits. */
const maxPageBytes = 16 * maxEntryBytes;

const statusCodes = {
  refused: 409,
  busy: 503,
  absent: 404,
  offset: 409,
  "too-long": 413,
  hash: 422,
  network: 502,
} as const satisfies Record<ServiceCode, number>;

const fault = (error: string, expected: string, actual: string) => ({ error, expected, actual });

/** The body of a request as JSON of a schema, with a bound on its bytes; else an answer. */
async function bodyOf<T>(context: Context, schema: z.ZodType<T>): Promise<T | Response> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of context.req.raw.body ?? []) {
    bytes += part.length;
    if (bytes > maxEntryBytes)
      return context.json(fault("the statement is too long", `at most ${maxEntryBytes} bytes`, "more"), 413);
    parts.push(part);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    return context.json(fault("the body is not JSON", "a statement", "another text"), 400);
  }
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const actual = issue?.path.join(".") ?? "";
  return context.json(fault("the statement is not valid", issue?.message ?? "another form", actual), 400);
}

function answer(context: Context, result: Result<unknown, ServiceCode>): Response {
  if (result.ok) return context.json(result.value as object);
  const status = statusCodes[result.code];
  if (status === 503) context.header("Retry-After", "1");
  return context.json(fault(result.code, result.detail, ""), status);
}

/** Files of the archive by name; edition and definition by theirs. Nothing else of the folder is served. */
function pathOf({ folder }: CeremonyService, name: string): string | undefined {
  if (/^(challenge|response|log)_\d{4,5}(\.json)?$/.test(name)) return folder.file(name);
  if (name === "archive.json") return join(folder.path, name);
  return name === "ceremony.json" ? join(folder.path, name) : undefined;
}

async function sendFile(context: Context, service: CeremonyService): Promise<Response> {
  const name = context.req.param("name") ?? "";
  const path = pathOf(service, name);
  const size = path === undefined ? undefined : await service.sizeAt(path);
  if (path === undefined || size === undefined)
    return context.json(fault("no such file", "a file of the ceremony", name.slice(0, 80)), 404);
  // Until its response is settled, a file may be replaced by another one of the same name: no cache may keep it.
  context.header("Accept-Ranges", "bytes");
  context.header("Content-Type", "application/octet-stream");
  const wanted = wantedBytes(context.req.header("range"), size);
  if (wanted.kind === "unsatisfiable") {
    context.header("Content-Range", `bytes */${size}`);
    return context.json(fault("the range is not valid", wanted.reason, ""), 416);
  }
  const { start, end } = wanted;
  context.header("Content-Length", String(end - start));
  if (wanted.kind === "part") context.header("Content-Range", `bytes ${start}-${end - 1}/${size}`);
  if (context.req.method === "HEAD") return context.body(null, wanted.kind === "part" ? 206 : 200);
  const stream = Readable.toWeb(createReadStream(path, { start, end: end - 1 })) as ReadableStream;
  return context.body(stream, wanted.kind === "part" ? 206 : 200);
}

/** Entries after number `after`, as many as fit an answer. */
function logPage(service: CeremonyService, after: number): object {
  const { entries, head } = service.folder.log;
  const page = [];
  let bytes = 0;
  for (const entry of entries.slice(after + 1)) {
    bytes += canonicalText(entry).length;
    if (bytes > maxPageBytes && page.length > 0) break;
    page.push(entry);
  }
  return { total: entries.length, head, entries: page };
}

export function ceremonyApp(service: CeremonyService, now_s: () => number): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    // A page of any origin may read: all of it is public, and nothing is done in a browser's name.
    context.header("Access-Control-Allow-Origin", "*");
    context.header("X-Content-Type-Options", "nosniff");
    context.header("Content-Security-Policy", "default-src 'none'; sandbox");
    context.header("Cache-Control", "no-store");
  });
  app.get("/v1/ceremony", (context) => {
    context.header("Content-Type", "application/json");
    return context.body(new TextDecoder().decode(definitionBytes(service.state.definition)));
  });
  app.get("/v1/status", (context) => context.json(statusOf(service.state, now_s())));
  app.get("/v1/log", (context) => {
    const text = context.req.query("after") ?? "-1";
    if (!/^(-1|0|[1-9]\d{0,8})$/.test(text))
      return context.json(
        fault("after is not valid", "-1, or the number of an entry", text.slice(0, 80)),
        400,
      );
    return context.json(logPage(service, Number(text)));
  });
  app.post("/v1/joins", async (context) => {
    const body = await bodyOf(context, joinSchema);
    return body instanceof Response ? body : answer(context, shown(await service.join(body)));
  });
  app.post("/v1/attestations", async (context) => {
    const body = await bodyOf(context, attestedSchema);
    return body instanceof Response ? body : answer(context, shown(await service.attest(body)));
  });
  app.post("/v1/uploads", async (context) => {
    const body = await bodyOf(context, submittedSchema);
    return body instanceof Response ? body : answer(context, await service.declare(body));
  });
  app.get("/v1/uploads/:token", async (context) =>
    answer(context, await service.uploaded(context.req.param("token"))),
  );
  app.put("/v1/uploads/:token", (context) => putChunk(context, service));
  app.get("/files/:name", (context) => sendFile(context, service));
  app.notFound((context) =>
    context.json(fault("no such page", "/v1/…, /files/NAME", context.req.path.slice(0, 80)), 404),
  );
  app.onError((_error, context) => context.json(fault("the service failed", "no error", "see its log"), 500));
  return app;

  /** The state is large, and /v1/status has it. */
  function shown(result: Result<unknown, ServiceCode>): Result<object, ServiceCode> {
    return result.ok ? { ok: true, value: { entries: service.folder.log.entries.length } } : result;
  }
}

async function putChunk(context: Context, service: CeremonyService): Promise<Response> {
  const offset = context.req.header("upload-offset") ?? "";
  if (!/^(0|[1-9]\d{0,15})$/.test(offset))
    return context.json(fault("Upload-Offset is not valid", "a number of bytes", offset.slice(0, 80)), 400);
  const blocks = context.req.raw.body;
  if (blocks === null)
    return context.json(fault("the body is missing", "bytes of the response", "none"), 400);
  const token = context.req.param("token") ?? "";
  return answer(context, await service.write(token, { offset: Number(offset), most: maxChunkBytes }, blocks));
}
