/** The form of the KZG ceremony's transcript: four sets of powers with their witnesses, and who took part. */
import { counted } from "../../protocol/counted.ts";
import type { Field } from "./json.ts";
import { curve, pointG1, pointG2 } from "./points.ts";

/** How many powers a set has in each group. */
export type SetSize = { readonly g1: number; readonly g2: number };

/** kzg-ceremony-specs, "transcriptSchema.json". */
export const ceremonySizes: readonly SetSize[] = [4096, 8192, 16_384, 32_768].map((g1) => ({ g1, g2: 65 }));

export type TranscriptSet = {
  readonly size: SetSize;
  readonly g1Powers: readonly Field[];
  readonly g2Powers: readonly Field[];
  /** After each contribution: tau in G1. The first entry is the generator, before any contribution. */
  readonly products: readonly Field[];
  /** Each contributor's secret in G2. */
  readonly keys: readonly Field[];
  /** Empty texts where a participant did not sign. */
  readonly signatures: readonly Field[];
};

export type Transcript = {
  readonly sets: readonly TranscriptSet[];
  readonly ids: readonly string[];
  readonly accountSignatures: readonly Field[];
};

const identityForm = /^(eth\|0x[0-9a-f]{40}|git\|[0-9]{1,16}\|@[a-z0-9-]{1,39})?$/;

function identityOf(field: Field): string {
  const text = field.text();
  // Some GitHub handles kept their capitals.
  if (!identityForm.test(text.toLowerCase()) || (text.startsWith("eth|") && text !== text.toLowerCase()))
    throw field.refuse(
      '"eth|0x…" with 40 hex digits in lower case, "git|<number>|@<name>", or nothing',
      "another text",
    );
  return text;
}

function setOf(field: Field, size: SetSize, contributions: number): TranscriptSet {
  field.get("numG1Powers").integer(size.g1);
  field.get("numG2Powers").integer(size.g2);
  const [powers, witness] = [field.get("powersOfTau"), field.get("witness")];
  return {
    size,
    g1Powers: powers.get("G1Powers").list(size.g1),
    g2Powers: powers.get("G2Powers").list(size.g2),
    products: witness.get("runningProducts").list(contributions),
    keys: witness.get("potPubkeys").list(contributions),
    signatures: witness.get("blsSignatures").list(contributions),
  };
}

/** The first entry of every list stands for the start: tau is 1, and nobody signed. */
function checkStart({ sets, ids, accountSignatures }: Transcript, root: Field): void {
  const nothing = (field: Field | undefined): void => {
    if (field && field.text() !== "") throw field.refuse("nothing before the first contribution", "a text");
  };
  if (ids[0] !== "") throw root.get("participantIds").refuse("nothing as the first entry", `${ids[0]}`);
  nothing(accountSignatures[0]);
  for (const { products, keys, signatures } of sets) {
    const [product, key] = [products[0] as Field, keys[0] as Field];
    if (!pointG1(product).equals(curve.G1.base)) throw product.refuse("the generator of G1", "another point");
    if (!pointG2(key).equals(curve.G2.base)) throw key.refuse("the generator of G2", "another point");
    nothing(signatures[0]);
  }
}

/** @throws CeremonyFileError if a field is missing, has another type or another count */
export function transcriptOf(root: Field, sizes: readonly SetSize[]): Transcript {
  const ids = root.get("participantIds").list().map(identityOf);
  if (ids.length < 2)
    throw root
      .get("participantIds")
      .refuse("the start and at least one participant", counted(ids.length, "entry", "entries"));
  const transcript: Transcript = {
    sets: root
      .get("transcripts")
      .list(sizes.length)
      .map((field, i) => setOf(field, sizes[i] as SetSize, ids.length)),
    ids,
    accountSignatures: root.get("participantEcdsaSignatures").list(ids.length),
  };
  checkStart(transcript, root);
  return transcript;
}
