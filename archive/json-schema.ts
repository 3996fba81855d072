/** The JSON Schema (draft 2020-12) of `archive.json`, from the definition that reads it. */
import { z } from "zod";
import { archiveSchema } from "./schema.ts";

export function archiveJsonSchema(): object {
  const schema = z.toJSONSchema(archiveSchema, { target: "draft-2020-12", io: "input" });
  return { $id: "urn:whitepay:archive:1", title: "WhitePay archive, version 1", ...schema };
}
