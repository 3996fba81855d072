/** What went wrong with a request to an object store, in words for the operator. */
import { DiskFullError } from "../disk/disk-full.ts";
import { UnreachableError } from "../disk/unreachable.ts";

/**
 * `denied`: the key is refused; `clock`: this machine's clock is wrong; `no-bucket`; `busy`: too many requests; `unreachable`: no answer, or a
 * fault of the store.
 */
export type ObjectFault = "denied" | "clock" | "no-bucket" | "busy" | "unreachable" | "other";

/** The store did not do what was asked. This says nothing about the pieces there. */
export class ObjectStoreError extends UnreachableError {
  override readonly name = "ObjectStoreError";
  readonly fault: ObjectFault;

  constructor(fault: ObjectFault, text: string, cause?: unknown) {
    super(text);
    this.cause = cause;
    this.fault = fault;
  }
}

/** The store answers that there is no such object, or no such range of it: these bytes are lost. */
export class MissingObjectError extends Error {
  override readonly name = "MissingObjectError";
}

/** The store answers that there is no such multipart upload, or not all of its parts. */
export class NoUploadError extends Error {
  override readonly name = "NoUploadError";
}

type Thrown = {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
};

const missing: ReadonlySet<string> = new Set(["NoSuchKey", "NotFound", "InvalidRange"]);
const noUpload: ReadonlySet<string> = new Set(["NoSuchUpload", "InvalidPart", "InvalidPartOrder"]);
const busy: ReadonlySet<string> = new Set([
  "SlowDown",
  "Throttling",
  "ThrottlingException",
  "TooManyRequests",
]);
const full: ReadonlySet<string> = new Set(["QuotaExceeded", "InsufficientStorage", "XMinioStorageFull"]);
const clock: ReadonlySet<string> = new Set(["RequestTimeTooSkewed", "RequestExpired"]);
const maxChars = 200;

/** Whether the store refused a request because of its time. */
export function isClockFault(thrown: unknown): boolean {
  return clock.has((thrown as Thrown | null)?.name ?? "");
}

/** The typed error for what the client library threw. `what`: the request and the object. */
export function typedError(thrown: unknown, what: string, store: string): Error {
  if (thrown instanceof ObjectStoreError) return thrown;
  const { name = "", message = "", code, $metadata } = (thrown ?? {}) as Thrown;
  const status = $metadata?.httpStatusCode;
  const said = `${name}${message === "" || message === name ? "" : `: ${message}`}`.slice(0, maxChars);
  const text = (reason: string): string => `${store}: ${what}: ${reason}`;
  const fault = (kind: ObjectFault, reason: string): Error =>
    new ObjectStoreError(kind, text(reason), thrown);
  if (noUpload.has(name)) return new NoUploadError(text(said));
  if (name === "NoSuchBucket")
    return fault("no-bucket", "there is no such bucket: create it, or correct `bucket`");
  if (missing.has(name) || status === 404 || status === 416) {
    return new MissingObjectError(text(`the object or its range does not exist (${said})`));
  }
  if (full.has(name) || status === 507)
    return new DiskFullError(store, { cause: thrown, detail: text(said) });
  if (clock.has(name)) {
    return fault(
      "clock",
      `the clocks of this machine and of the store differ too much: set this one (${said})`,
    );
  }
  if (busy.has(name) || status === 429 || status === 503) {
    return fault("busy", `the store asks for fewer requests (${status ?? "no status"} ${said})`);
  }
  if (status === 401 || status === 403) {
    return fault(
      "denied",
      `the store refuses this key (${status} ${said}): check key, secret, bucket and policy`,
    );
  }
  if (status !== undefined && status < 500)
    return fault("other", `the store refuses the request (${status} ${said})`);
  if (status !== undefined)
    return fault("unreachable", `the store has a fault (${status} ${said}); it may pass`);
  const reason = name === "AbortError" || name === "TimeoutError" ? "no answer in time" : (code ?? said);
  return fault("unreachable", `the store cannot be reached (${reason})`);
}
