/** The volumes of the settings: folders, and object stores. */
import { resolve } from "node:path";
import { z } from "zod";
import { readPrivate } from "../daemon/keys/keystore.ts";
import { ConfigError } from "../daemon/settings/layers.ts";
import type { VolumeSetting } from "../storage/disk/volumes/volume.ts";
import type { Credentials } from "../storage/objects/bucket.ts";
import { objectPath, objectVolume } from "../storage/objects/setting.ts";

/** A challenge may ask for 16 pieces, and each is looked for on all volumes. */
const maxVolumes = 64;

const s3Schema = z.strictObject({
  endpoint: z.url({ protocol: /^https?$/ }).optional(),
  region: z.string().min(1).default("us-east-1"),
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "expected 3 to 63 of a-z, 0-9, dot and hyphen"),
  prefix: z
    .string()
    .regex(/^([\w.-]+\/)*$/, "expected names that each end with a slash")
    .default("whitepay/"),
  pathStyle: z.boolean().default(false),
  /** File with the id of the access key in its first line and the secret in its second. */
  credentials: z.string().min(1).optional(),
});

const volumeSchema = z
  .strictObject({
    path: z.string().min(1).optional(),
    s3: s3Schema.optional(),
    maxBytes: z.int().min(1).optional(),
    scrubBytes: z.int().min(0).optional(),
    takeOver: z.boolean().optional(),
  })
  .superRefine(({ path, s3, maxBytes, scrubBytes, takeOver }, context) => {
    const fault = (message: string): void => context.addIssue({ code: "custom", message });
    if ((path === undefined) === (s3 === undefined)) fault("expected either `path` or `s3`");
    else if (s3 !== undefined && maxBytes === undefined) {
      fault("maxBytes: missing; an object store does not say how much room it has");
    } else if (s3 === undefined && (scrubBytes !== undefined || takeOver !== undefined)) {
      fault("scrubBytes, takeOver: expected with `s3` only");
    }
  });

/**
 * Folders for pieces, each on a disk of its own, and object stores; `maxBytes`: most bytes of pieces there. Default: the data folder. The
 * daemon follows changes of the file.
 */
export const volumesSchema = z.array(volumeSchema).max(maxVolumes).default([]);

type Written = z.output<typeof volumeSchema>;
/** `path` is absolute, or the name of the object store. */
export type VolumeConfig = Written & { readonly path: string };

/** With absolute paths. @throws ConfigError if a volume is named twice */
export function resolveVolumes(volumes: readonly Written[], folder: string, file: string): VolumeConfig[] {
  const resolved = volumes.map((volume): VolumeConfig => {
    const { s3 } = volume;
    if (s3 === undefined) return { ...volume, path: resolve(folder, volume.path as string) };
    const { credentials } = s3;
    const own = credentials === undefined ? {} : { credentials: resolve(folder, credentials) };
    return { ...volume, path: objectPath(s3), s3: { ...s3, ...own } };
  });
  const twice = resolved.find(({ path }, i) => resolved.findIndex((one) => one.path === path) !== i);
  if (twice !== undefined) {
    throw new ConfigError(`${file}: volumes: expected each path once, actual ${twice.path} twice`);
  }
  return resolved;
}

/** The volumes of the settings in the form that the store takes. */
export function volumeSettings(volumes: readonly VolumeConfig[]): VolumeSetting[] {
  return volumes.map(({ path, maxBytes, s3, scrubBytes, takeOver }) => {
    if (s3 === undefined) return { path, maxBytes };
    const { credentials: file, ...place } = s3;
    const credentials = (): Promise<Credentials> => readCredentials(file);
    return objectVolume({
      maxBytes: maxBytes as number,
      bucket: { ...place, credentials },
      ...(scrubBytes !== undefined && { scrubBytes }),
      ...(takeOver !== undefined && { takeOver }),
    });
  });
}

/** From the file, else from the variables of the environment that the tools of AWS use. @throws ConfigError */
async function readCredentials(file: string | undefined): Promise<Credentials> {
  if (file !== undefined) {
    const lines = (await readPrivate(file, "the object store's key")).split("\n").map((line) => line.trim());
    const [accessKeyId = "", secretAccessKey = "", sessionToken = ""] = lines;
    if (accessKeyId === "" || secretAccessKey === "") {
      throw new ConfigError(`${file}: expected the id of the access key in line 1 and its secret in line 2`);
    }
    return { accessKeyId, secretAccessKey, ...(sessionToken !== "" && { sessionToken }) };
  }
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
  if (AWS_ACCESS_KEY_ID === undefined || AWS_SECRET_ACCESS_KEY === undefined) {
    throw new ConfigError(
      "s3: name a file as `credentials`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    );
  }
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN !== undefined && { sessionToken: AWS_SESSION_TOKEN }),
  };
}
