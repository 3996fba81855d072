/** What the HTTP interfaces of keeper and provider share: host names, headers, errors, health. No route changes anything. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { PageFiles } from "./page-files.ts";

export type HttpOptions = {
  readonly host: string;
  /** Host names that browsers may use, besides the host itself and localhost. */
  readonly names: readonly string[];
};

const maxShownChars = 80;

/** Requests under other host names are refused: with DNS rebinding, a foreign page sends requests here under its own host name. */
function hostAllowed(options: HttpOptions, header: string | undefined): boolean {
  if (header === undefined) return false;
  const name = header
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
  return [options.host, "localhost", "127.0.0.1", "::1", ...options.names].some(
    (own) => own.toLowerCase() === name,
  );
}

const securityHeaders: Record<string, string> = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
};

/** The document of openapi.json without its paths. */
const documentOf = (title: string) => ({
  openapi: "3.1.0",
  info: {
    title,
    version: "1",
    description:
      "Read only. Amounts, bytes and gas are decimal strings, since they may exceed the range of a JSON number. Blocks, slots and indices are numbers.",
  },
});

/** An interface without routes: it checks the host name, and adds the headers. */
export function httpApp(options: HttpOptions): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: (result, context: Context) => {
      if (result.success) return undefined;
      const issue = result.error.issues[0];
      const at = issue?.path.join(".") ?? "";
      const error = {
        error: `${at} is not valid`,
        expected: issue?.message ?? "",
        actual: context.req.path.slice(0, 200),
      };
      return context.json(error, 400);
    },
  });
  app.use(async (context, next) => {
    if (!hostAllowed(options, context.req.header("host"))) {
      const expected = [options.host, "localhost", ...options.names].join(", ");
      const actual = (context.req.header("host") ?? "none").slice(0, maxShownChars);
      return context.json(
        { error: "unknown host name; add it to api.names in the configuration", expected, actual },
        421,
      );
    }
    await next();
    for (const [name, value] of Object.entries(securityHeaders)) context.header(name, value);
    if (!context.res.headers.has("cache-control")) context.header("Cache-Control", "no-store");
    return undefined;
  });
  return app;
}

export type LastRoutes = {
  readonly title: string;
  readonly pages: PageFiles;
  /** The answer if a route throws. */
  readonly fault: { readonly error: string; readonly expected: string };
};

/** Adds openapi.json, the page, and the answers to all other requests. Routes that are added later are not reached. */
export function addLastRoutes(app: OpenAPIHono, { title, pages, fault }: LastRoutes): void {
  app.doc31("/openapi.json", documentOf(title));
  app.get("/*", async (context) => {
    const file = await pages.at(context.req.path);
    if (file !== undefined) return context.body(file.text, 200, { "Content-Type": file.type });
    return context.json(
      {
        error: "no such page",
        expected: "/, /v1/…, /openapi.json",
        actual: context.req.path.slice(0, maxShownChars),
      },
      404,
    );
  });
  app.onError((_error, context) => context.json({ ...fault, actual: "see the log" }, 500));
}
