/** Settings of a daemon's HTTP server, the same for keeper and provider. */
import { z } from "zod";
import { setting } from "./layers.ts";
import type { Setting } from "./layers.ts";

export const apiSchema = z
  .strictObject({
    host: z.string().default("127.0.0.1"),
    port: z.number().int().min(0).max(65_535).default(0),
    /** Host names by which browsers may reach it, besides `host` and localhost. */
    names: z.array(z.string().min(1)).default([]),
  })
  .default({ host: "127.0.0.1", port: 0, names: [] });

export const apiSettings: readonly Setting[] = [
  setting("api.host", "api-host", "text", "address of the HTTP server"),
  setting("api.port", "api-port", "number", "port of the HTTP server, 0 for any"),
  setting("api.names", "api-names", "list", "names by which browsers may reach the HTTP server"),
];
