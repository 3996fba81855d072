import { setTimeout as sleep } from "node:timers/promises";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { yamux } from "@libp2p/yamux";
import { describe, expect, it } from "vitest";
import { muxer } from "../../../../daemon/peers/muxer.ts";

/** A multiplexer whose connection is being closed when it has to abort, as after a bad frame in the last data of a peer. */
function aborts(create: typeof yamux): () => void {
  const [near] = multiaddrConnectionPair();
  const made = create()().createStreamMuxer(near);
  void near.close();
  return () => made.abort(new Error("a bad frame"));
}

it("a multiplexer aborts on a connection that is being closed without an error that would end the process (L4)", () => {
  expect(aborts(muxer)).not.toThrow();
  // The reason for the guard. If this fails, the library has mended it, and the guard can go.
  expect(aborts(yamux)).toThrow("Cannot write to a stream");
});

const MiB = 1024 * 1024;
/** Yamux's window of a stream if its reader announces none. */
const initialBytes = 256 * 1024;

type Side = ReturnType<typeof muxer>;
type Stream = Awaited<ReturnType<ReturnType<ReturnType<Side>["createStreamMuxer"]>["createStream"]>>;

/** A stream between two multiplexers, its ends in the order of the arguments; `frames` counts what the second one sends. */
async function streamBetween(opens: Side, accepts: Side) {
  const [near, far] = multiaddrConnectionPair();
  const sent = { near: 0, far: 0 };
  for (const [name, end] of [
    ["near", near],
    ["far", far],
  ] as const) {
    const send = end.send.bind(end);
    end.send = (data) => {
      sent[name]++;
      return send(data);
    };
  }
  const [first, second] = [opens().createStreamMuxer(near), accepts().createStreamMuxer(far)];
  const accepted = new Promise<Stream>((resolve) => {
    second.addEventListener("stream", ({ detail }) => resolve(detail), { once: true });
  });
  const opened = await first.createStream();
  const other = await accepted;
  // Both ends have sent their first frame.
  await sleep(20);
  return { opened, accepted: other, sent };
}

/** Bytes of 3 MiB that the writer may send while the reader is paused. */
async function unread(writer: Stream, reader: Stream): Promise<number> {
  reader.pause();
  writer.send(new Uint8Array(3 * MiB));
  await sleep(20);
  return 3 * MiB - writer.writeBufferLength;
}

/** Reads what the writer still sends. */
async function readAll(reader: Stream): Promise<number> {
  let bytes = 0;
  reader.addEventListener("message", ({ data }) => void (bytes += data.byteLength));
  reader.resume();
  await expect.poll(() => bytes).toBe(3 * MiB);
  return bytes;
}

describe("the window of a stream", () => {
  const options = { windowBytes: MiB, streamOptions: { maxReadBufferLength: 4 * MiB } };
  const plain = muxer({ streamOptions: { maxReadBufferLength: 4 * MiB } });

  it("is announced by the side that opens the stream, to any yamux", async () => {
    const usual = await streamBetween(plain, plain);
    expect(await unread(usual.accepted, usual.opened)).toBe(initialBytes);
    const wide = await streamBetween(muxer(options), plain);
    expect(await unread(wide.accepted, wide.opened)).toBe(MiB);
    expect(await readAll(wide.opened)).toBe(3 * MiB);
  });

  it("is announced by the side that accepts the stream, to any yamux", async () => {
    const usual = await streamBetween(plain, plain);
    expect(await unread(usual.opened, usual.accepted)).toBe(initialBytes);
    const wide = await streamBetween(plain, muxer(options));
    expect(await unread(wide.opened, wide.accepted)).toBe(MiB);
    expect(await readAll(wide.accepted)).toBe(3 * MiB);
  });

  it("leaves the other direction as it is", async () => {
    const { opened, accepted } = await streamBetween(muxer(options), plain);
    expect(await unread(opened, accepted)).toBe(initialBytes);
    expect(await readAll(accepted)).toBe(3 * MiB);
  });

  it("is announced again when half of it is used, not with each frame", async () => {
    const { opened, accepted, sent } = await streamBetween(plain, muxer(options));
    const before = sent.far;
    let bytes = 0;
    accepted.addEventListener("message", ({ data }) => void (bytes += data.byteLength));
    for (let i = 0; i < 96; i++) {
      if (!opened.send(new Uint8Array(32 * 1024))) await opened.onDrain();
    }
    await expect.poll(() => bytes).toBe(3 * MiB);
    // 3 MiB are six halves.
    expect(sent.far - before).toBeLessThanOrEqual(6);
  });

  it.each([
    { used: MiB / 2 - 1024, left: MiB / 2 + 1024 },
    { used: MiB / 2, left: MiB },
  ])("has $left bytes for the writer after $used bytes were read", async ({ used, left }) => {
    const { opened, accepted } = await streamBetween(plain, muxer(options));
    let bytes = 0;
    accepted.addEventListener("message", ({ data }) => void (bytes += data.byteLength));
    opened.send(new Uint8Array(used));
    await expect.poll(() => bytes).toBe(used);
    await sleep(20);
    expect(await unread(opened, accepted)).toBe(left);
  });
});
