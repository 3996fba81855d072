import { describe, expect, it } from "vitest";
import { OpenedParts } from "../../../daemon/opened-parts.ts";

describe("opened parts", () => {
  const three = (failing: readonly string[] = []): { opened: OpenedParts; closed: string[] } => {
    const opened = new OpenedParts();
    const closed: string[] = [];
    for (const name of ["store", "node", "server"]) {
      opened.defer(async () => {
        await Promise.resolve();
        closed.push(name);
        if (failing.includes(name)) throw new Error(name);
      });
    }
    return { opened, closed };
  };

  it("are closed one after another in the opposite order, each once", async () => {
    const { opened, closed } = three();
    await opened.close();
    await opened.close();
    expect(closed).toEqual(["server", "node", "store"]);
  });

  it("are all closed although one fails; its error is thrown", async () => {
    const { opened, closed } = three(["node", "store"]);
    await expect(opened.close()).rejects.toThrow("node");
    expect(closed).toEqual(["server", "node", "store"]);
  });
});
