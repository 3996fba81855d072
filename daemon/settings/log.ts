/** Settings of a daemon's log, the same for keeper and provider. Apart from log-lines.ts, so that commands load no logger. */
import { z } from "zod";
import { setting } from "./layers.ts";
import type { Setting } from "./layers.ts";

export const logSchema = {
  logLevel: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
  /** Default: text at a terminal, JSON elsewhere. */
  logFormat: z.enum(["text", "json"]).optional(),
};

export const logSettings: readonly Setting[] = [
  setting("logLevel", "log-level", "text", "trace, debug, info, warn, error or silent"),
  setting("logFormat", "log-format", "text", "text or json; without it text at a terminal, JSON elsewhere"),
];
