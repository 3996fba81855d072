/** Pages of piece lists. */
import { describe, expect, it } from "vitest";
import { decodePiecesResponse } from "../../../protocol/codec/challenge.ts";
import { toHex } from "../../../protocol/hash.ts";
import { piecesResponder } from "../../../provider/pieces.ts";
import { blockHashAt, committee, FixedPorts, group, keeper, list } from "./fixed-ports.ts";

describe("a piece list", () => {
  it("is served to any peer by its root, page by page, and no other list is", async () => {
    const ports = new FixedPorts();
    const respond = piecesResponder(ports.dependencies());
    const ask = async (changes: object): Promise<number | string> => {
      const listRoot = toHex(list.root);
      const query = { chainId: 5, committee, group, provider: 0, listRoot, first: 0, ...changes };
      const decoded = decodePiecesResponse(await respond(query, "anyone"));
      if (!decoded.ok) throw new Error(decoded.detail);
      return decoded.value.kind === "pieces" ? decoded.value.pieces.length : decoded.value.code;
    };
    expect(await ask({})).toBe(1);
    expect(await ask({ first: 1 })).toBe("unknown-list");
    expect(await ask({ listRoot: blockHashAt(1) })).toBe("unknown-list");
    expect(await ask({ chainId: 6 })).toBe("unknown-group");
    expect(await ask({ group: keeper })).toBe("unknown-group");
    ports.broken = true;
    expect(await ask({})).toBe("internal");
  });
});
