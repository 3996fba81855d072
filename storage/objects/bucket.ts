/** One bucket of an object store with the S3 interface: typed errors, a bound on time, and what is known of its health. */
import type { S3Client } from "@aws-sdk/client-s3";
import { DiskFullError } from "../disk/disk-full.ts";
import { isClockFault, MissingObjectError, NoUploadError, ObjectStoreError, typedError } from "./errors.ts";

export type Credentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
};

export type BucketSetting = {
  /** URL of the store. Default: that of AWS in the region. */
  readonly endpoint?: string | undefined;
  readonly region: string;
  readonly bucket: string;
  /** Before the names of all objects; empty, or ends with a slash. */
  readonly prefix: string;
  /** Whether the bucket is a part of the path and not of the host name. */
  readonly pathStyle: boolean;
  /** Read at each connection, so that a changed key needs no restart. */
  readonly credentials: () => Promise<Credentials>;
  /** Time for a request and its repetitions, without the time that its bytes may take. */
  readonly timeout_ms?: number | undefined;
};

export type UploadedPart = { readonly part: number; readonly etag: string };
export type Listed = { readonly key: string; readonly bytes: number; readonly changed_ms: number };

type Sdk = typeof import("@aws-sdk/client-s3");
type Connected = { readonly sdk: Sdk; readonly client: S3Client };

const defaultTimeout_ms = 30_000;
/** A request with bytes may take a second more for each of so many. */
const slowestBytesPerSecond = 128 * 1024;
const connectTimeout_ms = 5_000;
/** The library repeats a request that failed for a passing reason, with growing pauses. */
const attempts = 3;
/** A refused write says nothing about the next one after this time. */
const writeFaultLasts_ms = 10 * 60_000;

export class Bucket {
  readonly name: string;
  readonly #setting: BucketSetting;
  #connected: Promise<Connected> | undefined;
  #fault: string | undefined;
  #answered_ms = -1;
  #writeFault: { readonly text: string; readonly at_ms: number } | undefined;

  constructor(setting: BucketSetting) {
    this.#setting = setting;
    this.name = `s3://${setting.bucket}/${setting.prefix}`;
  }

  /** Why the last request failed; undefined if it was answered. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Why writes are refused now, while reads are answered. */
  get writeFault(): string | undefined {
    const { text, at_ms } = this.#writeFault ?? {};
    return at_ms !== undefined && performance.now() - at_ms < writeFaultLasts_ms ? text : undefined;
  }

  #connect(): Promise<Connected> {
    this.#connected ??= this.#open();
    this.#connected.catch(() => (this.#connected = undefined));
    return this.#connected;
  }

  async #open(): Promise<Connected> {
    const { endpoint, region, pathStyle, credentials } = this.#setting;
    // Only providers with an object store load the library.
    const sdk = await import("@aws-sdk/client-s3");
    const client = new sdk.S3Client({
      region,
      ...(endpoint !== undefined && { endpoint }),
      forcePathStyle: pathStyle,
      credentials: () =>
        credentials().catch((error: unknown) => {
          throw new ObjectStoreError("denied", `${this.name}: no key: ${(error as Error).message}`, error);
        }),
      maxAttempts: attempts,
      requestHandler: { connectionTimeout: connectTimeout_ms },
    });
    return { sdk, client };
  }

  /** Runs one request with its limit of time, and notes what it says about the store's health. */
  async #ask<T>(
    what: string,
    bytes: number,
    request: (connected: Connected, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const base_ms = this.#setting.timeout_ms ?? defaultTimeout_ms;
    const begun_ms = performance.now();
    const signal = AbortSignal.timeout(base_ms + Math.ceil((1000 * bytes) / slowestBytesPerSecond));
    try {
      const connected = await this.#connect();
      const answer = await request(connected, signal).catch((error: unknown) => {
        // The library takes over the store's time, but of several requests at once it repeats only the first one.
        if (!isClockFault(error)) throw error;
        return request(connected, signal);
      });
      this.#answered();
      return answer;
    } catch (error) {
      const typed = typedError(error, what, this.name);
      if (!(typed instanceof ObjectStoreError)) this.#answered();
      // A later request may have been answered meanwhile.
      else if (this.#answered_ms <= begun_ms) this.#fault = typed.message;
      throw typed;
    }
  }

  #answered(): void {
    this.#fault = undefined;
    this.#answered_ms = performance.now();
  }

  async #write<T>(
    what: string,
    bytes: number,
    request: (connected: Connected, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      const answer = await this.#ask(what, bytes, request);
      this.#writeFault = undefined;
      return answer;
    } catch (error) {
      const isRefused = error instanceof ObjectStoreError && error.fault === "denied";
      if (isRefused || error instanceof DiskFullError) {
        this.#writeFault = { text: error.message, at_ms: performance.now() };
        // Reads may still be answered; the next one says so.
        this.#fault = undefined;
      }
      throw error;
    }
  }

  #key(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#setting.bucket, Key: `${this.#setting.prefix}${key}` };
  }

  /**
   * Exactly `length` bytes from `start` on.
   * @throws MissingObjectError if the object does not have them
   */
  async get(key: string, start: number, length: number): Promise<Buffer> {
    const what = `GET ${key}, bytes ${start} to ${start + length}`;
    const bytes = await this.#ask(what, length, async ({ sdk, client }, abortSignal) => {
      const Range = `bytes=${start}-${start + length - 1}`;
      const answer = await client.send(new sdk.GetObjectCommand({ ...this.#key(key), Range }), {
        abortSignal,
      });
      if (answer.ContentLength !== undefined && answer.ContentLength > length) {
        // A store without ranges would send the whole object.
        await answer.Body?.transformToWebStream().cancel();
        throw new Error(
          `expected ${length} bytes, actual ${answer.ContentLength}: the store serves no ranges`,
        );
      }
      return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
    });
    if (bytes.length === length) return bytes;
    throw new MissingObjectError(`${this.name}: ${what}: expected ${length} bytes, actual ${bytes.length}`);
  }

  /** A whole small object; undefined if there is none. */
  async getSmall(key: string): Promise<string | undefined> {
    try {
      return await this.#ask(`GET ${key}`, 0, async ({ sdk, client }, abortSignal) => {
        const answer = await client.send(new sdk.GetObjectCommand(this.#key(key)), { abortSignal });
        return answer.Body?.transformToString();
      });
    } catch (error) {
      if (error instanceof MissingObjectError) return undefined;
      throw error;
    }
  }

  /** Bytes of an object; undefined if there is none. */
  async size(key: string): Promise<number | undefined> {
    try {
      return await this.#ask(`HEAD ${key}`, 0, async ({ sdk, client }, abortSignal) => {
        return (await client.send(new sdk.HeadObjectCommand(this.#key(key)), { abortSignal })).ContentLength;
      });
    } catch (error) {
      if (error instanceof MissingObjectError) return undefined;
      throw error;
    }
  }

  async put(key: string, body: Buffer): Promise<void> {
    await this.#write(`PUT ${key}`, body.length, ({ sdk, client }, abortSignal) =>
      client.send(new sdk.PutObjectCommand({ ...this.#key(key), Body: body }), { abortSignal }),
    );
  }

  async remove(key: string): Promise<void> {
    await this.#write(`DELETE ${key}`, 0, ({ sdk, client }, abortSignal) =>
      client.send(new sdk.DeleteObjectCommand(this.#key(key)), { abortSignal }),
    );
  }

  /** All objects whose names begin with `prefix`, a thousand a request. */
  async *list(prefix: string): AsyncGenerator<Listed> {
    const own = this.#setting.prefix.length;
    let token: string | undefined;
    do {
      const page = await this.#ask(`LIST ${prefix}`, 0, ({ sdk, client }, abortSignal) => {
        const { Bucket: bucket, Key } = this.#key(prefix);
        const input = { Bucket: bucket, Prefix: Key, ContinuationToken: token };
        return client.send(new sdk.ListObjectsV2Command(input), { abortSignal });
      });
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        const changed_ms = LastModified?.getTime() ?? 0;
        if (Key !== undefined) yield { key: Key.slice(own), bytes: Size ?? 0, changed_ms };
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  /** Returns the id of a new multipart upload. */
  async beginUpload(key: string): Promise<string> {
    const { UploadId } = await this.#write(`begin the upload of ${key}`, 0, ({ sdk, client }, abortSignal) =>
      client.send(new sdk.CreateMultipartUploadCommand(this.#key(key)), { abortSignal }),
    );
    if (UploadId === undefined) throw new ObjectStoreError("other", `${this.name}: ${key}: no upload id`);
    return UploadId;
  }

  /** Parts are numbered from 1 on. @throws NoUploadError if the store has forgotten the upload */
  async uploadPart(key: string, upload: string, part: number, body: Buffer): Promise<UploadedPart> {
    const what = `PUT ${key}, part ${part}`;
    const { ETag } = await this.#write(what, body.length, ({ sdk, client }, abortSignal) => {
      const input = { ...this.#key(key), UploadId: upload, PartNumber: part, Body: body };
      return client.send(new sdk.UploadPartCommand(input), { abortSignal });
    });
    if (ETag === undefined) throw new ObjectStoreError("other", `${this.name}: ${what}: no ETag`);
    return { part, etag: ETag };
  }

  /** @throws NoUploadError if the store does not have the upload with these parts */
  async completeUpload(key: string, upload: string, parts: readonly UploadedPart[]): Promise<void> {
    const Parts = [...parts]
      .sort((a, b) => a.part - b.part)
      .map(({ part, etag }) => ({ PartNumber: part, ETag: etag }));
    await this.#write(`complete the upload of ${key}`, 0, ({ sdk, client }, abortSignal) => {
      const input = { ...this.#key(key), UploadId: upload, MultipartUpload: { Parts } };
      return client.send(new sdk.CompleteMultipartUploadCommand(input), { abortSignal });
    });
  }

  /** Deletes the parts of an upload; one that is gone already is no fault. */
  async abortUpload(key: string, upload: string): Promise<void> {
    try {
      await this.#write(`abort the upload of ${key}`, 0, ({ sdk, client }, abortSignal) =>
        client.send(new sdk.AbortMultipartUploadCommand({ ...this.#key(key), UploadId: upload }), {
          abortSignal,
        }),
      );
    } catch (error) {
      if (!(error instanceof NoUploadError) && !(error instanceof MissingObjectError)) throw error;
    }
  }
}
