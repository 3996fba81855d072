/** The setting of an object store as one of a store's volumes. */
import type { VolumeSetting } from "../disk/volumes/volume.ts";
import { ObjectVolume } from "./object-volume.ts";
import type { ObjectVolumeSetting } from "./object-volume.ts";

/** The name by which status, log and commands call the volume. */
export function objectPath({ bucket, prefix }: { readonly bucket: string; readonly prefix: string }): string {
  return `s3://${bucket}/${prefix}`;
}

export function objectVolume(setting: Omit<ObjectVolumeSetting, "path">): VolumeSetting {
  const path = objectPath(setting.bucket);
  return {
    path,
    maxBytes: setting.maxBytes,
    remote: {
      key: JSON.stringify(setting),
      open: (home) => new ObjectVolume({ ...setting, path }, home),
    },
  };
}
