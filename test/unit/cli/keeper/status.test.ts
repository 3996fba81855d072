import { describe, expect, it } from "vitest";
import { headText, stateText } from "../../../../cli/keeper/status.ts";

const api = "http://127.0.0.1:9464";

describe("the first lines of keeper status", () => {
  it("say running only if the keeper itself reports no problem", () => {
    expect(stateText({ running: true, api, keeper: { problems: [] } })).toBe(`running, ${api}`);
    expect(stateText({ running: true, api, keeper: { problems: ["x"] } })).toBe(
      `up, but cannot work, ${api}`,
    );
    expect(stateText({ running: false })).toBe("not running");
  });

  it("do not say running of a process that does not answer", () => {
    expect(stateText({ running: true })).toBe("starting: no address to ask yet");
    expect(stateText({ running: true, api })).toBe(`up, but does not answer at ${api}`);
  });

  it("say that there is no head yet", () => {
    expect(headText({ head: -1, view: -1, headAge_s: 1 })).toBe("none yet");
    expect(headText({ head: 55, view: 54, headAge_s: 1.9 })).toBe("55, 1 s old, confirmed view 54");
    expect(headText({ head: 55, view: 54 })).toBe("55, confirmed view 54");
  });
});
