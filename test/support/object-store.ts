/** A real S3 server behind a gate, with an empty bucket, and volumes on it. */
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { objectVolume } from "../../storage/objects/setting.ts";
import type { VolumeSetting } from "../../storage/disk/volumes/volume.ts";
import { start } from "./cli.ts";
import { S3Gate } from "./s3-gate.ts";

export type ObjectStore = {
  readonly gate: S3Gate;
  /** The setting of a volume there. */
  volume(options?: ObjectOptions): VolumeSetting;
};

export type ObjectOptions = {
  readonly prefix?: string;
  readonly maxBytes?: number;
  readonly secretAccessKey?: string;
  readonly accessKeyId?: string;
  readonly bucket?: string;
  readonly scrubBytes?: number;
  readonly takeOver?: boolean;
  readonly timeout_ms?: number;
};

export const bucketName = "pieces-of-a-test";
export const region = "eu-test-1";

export async function objectStore(): Promise<ObjectStore> {
  const server = start(process.execPath, [join(import.meta.dirname, "s3-process.ts")]);
  onTestFinished(async () => {
    server.child.stdin?.end();
    await server.ended;
  });
  let output = "";
  server.child.stdout?.on("data", (text: string) => (output += text));
  await server.said("listens ");
  const gate = await S3Gate.open(Number(/listens (\d+)/.exec(output)?.[1]));
  onTestFinished(() => gate.close());
  const { accessKeyId, secretAccessKey, endpoint } = gate;
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  await client.send(new CreateBucketCommand({ Bucket: bucketName }));
  client.destroy();
  return {
    gate,
    volume: ({ prefix = "", maxBytes = 1e9, bucket = bucketName, timeout_ms = 20_000, ...rest } = {}) =>
      objectVolume({
        maxBytes,
        scrubBytes: rest.scrubBytes,
        takeOver: rest.takeOver,
        bucket: {
          endpoint,
          region,
          bucket,
          prefix,
          pathStyle: true,
          timeout_ms,
          credentials: async () => ({
            accessKeyId: rest.accessKeyId ?? accessKeyId,
            secretAccessKey: rest.secretAccessKey ?? secretAccessKey,
          }),
        },
      }),
  };
}
