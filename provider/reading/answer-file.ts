/** R44, R46: answers `GET /archive/<manifest root>/<name>` and HEAD: a file of an archive by its name, where manifest and file may be read. */
import { setTimeout as sleep } from "node:timers/promises";
import { manifestName } from "../../archive/http-path.ts";
import type { Hex } from "../../protocol/hash.ts";
import { answerPiece, readableOf } from "./answer-piece.ts";
import type { PieceAnswers, PieceRequest } from "./answer-piece.ts";
import type { ArchiveIndices } from "./archive-indices.ts";
import { refuse } from "./conditions.ts";

export type FileAnswers = PieceAnswers & { readonly archives: Pick<ArchiveIndices, "of"> };

export type WantedFile = { readonly manifest: Hex; readonly name: string };

/** Texts that browsers show; they never run, and all else is saved. */
const types: Readonly<Record<string, string>> = {
  json: "application/json",
  md: "text/plain; charset=utf-8",
  txt: "text/plain; charset=utf-8",
};

function typeOf(name: string): string {
  if (name === manifestName) return "application/json";
  const ending = /\.([a-z]{1,8})$/i.exec(name)?.[1]?.toLowerCase() ?? "";
  return (Object.hasOwn(types, ending) ? types[ending] : undefined) ?? "application/octet-stream";
}

/** Rejects as `answerPiece`. */
export async function answerFile(
  answers: FileAnswers,
  wanted: Omit<PieceRequest, "root">,
  { manifest, name }: WantedFile,
): Promise<void> {
  const isManifest = name === manifestName;
  const root = isManifest ? manifest : await fileRoot(answers, wanted, { manifest, name });
  if (root === undefined) return;
  const what = isManifest ? `manifest ${manifest}: ` : `file ${JSON.stringify(name)}, piece ${root}: `;
  await answerPiece(answers, { ...wanted, root }, { type: typeOf(name), what });
}

/** The root of the file; undefined: the request is refused. */
async function fileRoot(
  answers: FileAnswers,
  wanted: Omit<PieceRequest, "root">,
  { manifest, name }: WantedFile,
): Promise<Hex | undefined> {
  const { limits, archives } = answers;
  const { address } = wanted;
  const later = { "Retry-After": "1" };
  const readable = await readableOf(answers, { ...wanted, root: manifest });
  if (Array.isArray(readable)) {
    refuse(wanted, readable[0], `manifest ${manifest}: ${readable[1]}`);
    return undefined;
  }
  const end = limits.begin(address);
  if (end === undefined) {
    refuse(wanted, 503, "too many readers; ask again later", later);
    return undefined;
  }
  try {
    const index = await archives.of(readable.entry, (bytes) => sleep(limits.bytes(address, bytes)));
    if (index.kind === "files") {
      const root = index.files.find(name);
      if (root === undefined) {
        refuse(wanted, 404, `manifest ${manifest}: it has no file ${JSON.stringify(name)}`);
      }
      return root;
    }
    if (index.kind === "no-manifest") {
      refuse(wanted, 404, `manifest ${manifest}: this piece is no manifest of an archive: ${index.detail}`);
    } else if (index.kind === "busy") {
      refuse(wanted, 503, "other manifests are being read; ask again later", later);
    } else {
      refuse(wanted, 503, `manifest ${manifest}: damaged: the provider cannot prove its bytes`);
    }
    return undefined;
  } finally {
    end();
  }
}
