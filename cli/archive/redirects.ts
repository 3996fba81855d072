/** Follows redirects within bounds: `fetch` alone follows 20, also from https to http. */
import { quote } from "../console/options.ts";

/** curl's and browsers' limits are 20 to 50; hosts of large files need at most 3. */
const maxRedirects = 10;

export class RedirectError extends Error {
  override readonly name = "RedirectError";
  readonly expected: string;
  readonly actual: string;

  constructor(message: string, { expected, actual }: { readonly expected: string; readonly actual: string }) {
    super(message);
    this.expected = expected;
    this.actual = actual;
  }
}

/** @returns the answer that is no redirect, and its URL @throws RedirectError */
export async function followed(
  url: string,
  init: RequestInit,
): Promise<{ readonly answer: Response; readonly place: string }> {
  for (let place = url, redirects = 0; ; redirects++) {
    if (redirects > maxRedirects) {
      throw new RedirectError("it redirects without an end", {
        expected: `at most ${maxRedirects} redirects`,
        actual: "more",
      });
    }
    const answer = await fetch(place, { ...init, redirect: "manual" });
    const next = answer.headers.get("Location");
    if (answer.status < 300 || answer.status >= 400 || next === null) return { answer, place };
    await answer.body?.cancel().catch(() => undefined);
    place = redirected(place, next);
  }
}

function redirected(from: string, location: string): string {
  const to = URL.canParse(location, from) ? new URL(location, from) : undefined;
  const isWorse = from.startsWith("https:") && to?.protocol !== "https:";
  if (to !== undefined && /^https?:$/.test(to.protocol) && !isWorse) return to.href;
  throw new RedirectError("it redirects to a place that is not read", {
    expected: from.startsWith("https:") ? "an https URL" : "an http or https URL",
    actual: quote(location),
  });
}
