/** Format of log lines on stderr: text for terminals, one JSON object per line for programs. */
import { pino } from "pino";
import type { DestinationStream } from "pino";

const logFormats = ["text", "json"] as const;
export type LogFormat = (typeof logFormats)[number];

const levels: Readonly<Record<number, string>> = {
  10: "trace",
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
  60: "fatal",
};

type Line = {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly [field: string]: unknown;
};

/** Replaces control characters: text of other parties must not control the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, "?");
}

function fieldText([name, value]: [string, unknown]): string {
  return `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`;
}

/** `2026-11-21 20:53:20 warn  what happened: details (code, group 0x…)`. Times are UTC, as in the JSON form. */
export function textLine(json: string): string {
  const { level, time, msg = "", reason, detail, ...others } = JSON.parse(json) as Line;
  const { name: _name, pid: _pid, hostname: _hostname, ...rest } = others;
  const fields = Object.entries(rest).filter(([, value]) => value !== "" && value !== undefined);
  const behind = [...(reason === undefined ? [] : [reason]), ...fields.map(fieldText)].join(", ");
  const what = detail === undefined || detail === "" ? msg : `${msg}: ${detail}`;
  const when = new Date(time).toISOString().slice(0, 19).replace("T", " ");
  const text = `${when} ${(levels[level] ?? String(level)).padEnd(5)} ${what}${behind === "" ? "" : ` (${behind})`}`;
  return `${printable(text)}\n`;
}

/** Writes to stderr. Without a format: text on a terminal, else JSON. */
export function logDestination(format: LogFormat | undefined): DestinationStream {
  const isText = format === undefined ? process.stderr.isTTY : format === "text";
  if (!isText) return pino.destination({ fd: 2, sync: false });
  return { write: (json) => void process.stderr.write(textLine(json)) };
}
