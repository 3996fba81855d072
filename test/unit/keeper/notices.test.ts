import { expect, it } from "vitest";
import { lowDisk_bytes } from "../../../keeper/api/disk.ts";
import { diskNotices } from "../../../keeper/notices.ts";

it("the log has one line when little disk space is left, and one when there is enough again", () => {
  const lines: string[] = [];
  const notice = diskNotices({
    reason: (_, code, detail) => void lines.push(`${code}: ${detail}`),
    info: (text) => void lines.push(text),
    warn: (text) => void lines.push(text),
    error: (text) => void lines.push(text),
  });
  const measured = [
    undefined,
    lowDisk_bytes,
    lowDisk_bytes - 1,
    0,
    undefined,
    lowDisk_bytes - 1,
    lowDisk_bytes,
  ];
  for (const free of measured) notice(free);
  expect(lines).toEqual([
    "disk-low: data folder: 2047 MiB free, expected 2048 MiB or more",
    "enough disk space again",
  ]);
});
