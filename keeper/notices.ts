/** Reports changes: the chain stops or resumes, a provider proves less or all of its data again, the disk is nearly full or not. */
import { isDiskLow, lowDiskText } from "./api/disk.ts";
import { shareText } from "./api/shares.ts";
import type { ShareWatch } from "./api/shares.ts";
import { oldHeadText } from "../daemon/chain/pace.ts";
import type { HeadLook } from "../daemon/chain/pace.ts";
import type { TelemetryPort } from "./ports/telemetry.ts";
import { servedBy } from "./api/served.ts";
import type { KeeperView } from "./api/served.ts";

export function noticeHead(telemetry: TelemetryPort, look: HeadLook): void {
  if (look.isOld) {
    telemetry.reason("", "chain-stopped", `${oldHeadText(look)}; it is ${Math.floor(look.age_s)} s old`);
  } else {
    telemetry.info(`new blocks again: head ${look.block}`);
  }
}

export function noticeShares(telemetry: TelemetryPort, watch: ShareWatch, keeper: KeeperView): void {
  for (const served of servedBy(keeper)) {
    for (const { group, provider, standing, late } of watch.look(served)) {
      const text = `provider ${provider}: ${shareText(late)}`;
      if (standing === "whole") telemetry.info(`a provider proves all of its data again: ${text}`, { group });
      else telemetry.reason(group, "data-unproven", text);
    }
  }
}

/** @returns a function that takes each measured free space and reports a change */
export function diskNotices(telemetry: TelemetryPort): (freeBytes: number | undefined) => void {
  let wasLow = false;
  return (freeBytes) => {
    if (freeBytes === undefined || isDiskLow(freeBytes) === wasLow) return;
    wasLow = !wasLow;
    if (wasLow) telemetry.reason("", "disk-low", `data folder: ${lowDiskText(freeBytes)}`);
    else telemetry.info("enough disk space again");
  };
}
