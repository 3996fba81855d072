/** Free space on the disk of the data folder. */

/** With less the operator must act; the alert WhitepayDiskLow has the same limit. */
export const lowDisk_bytes = 2 * 1024 ** 3;

const mebibytes = (bytes: number): string => `${Math.floor(bytes / 2 ** 20)} MiB`;

/** "2016 MiB free, expected 2048 MiB or more" */
export function lowDiskText(freeBytes: number): string {
  return `${mebibytes(freeBytes)} free, expected ${mebibytes(lowDisk_bytes)} or more`;
}

/** @param freeBytes null or undefined: not measured yet */
export function isDiskLow(freeBytes: number | null | undefined): boolean {
  return typeof freeBytes === "number" && freeBytes < lowDisk_bytes;
}
