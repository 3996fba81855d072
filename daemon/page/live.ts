/** What every page does: receives the status, shows whether the daemon answers, sets the colours, copies. */
import { h, place } from "./dom.ts";

const poll_ms = 5_000;

export const select = (id: string): HTMLSelectElement => document.getElementById(id) as HTMLSelectElement;

/** @throws if the answer is an error */
export async function ask<T>(path: string): Promise<T> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return (await response.json()) as T;
}

function showLink(state: "live" | "wait" | "away", text: string): void {
  const link = document.getElementById("link");
  if (link === null) return;
  link.dataset["state"] = state;
  if (link.textContent !== text) link.textContent = text;
}

type Readiness = { readonly ready: boolean };
type Draw<Status> = (status: Status) => void;

function showReady({ ready }: Readiness): void {
  showLink(ready ? "live" : "wait", ready ? "live, ready" : "live, not ready");
}

/** Polls the status if the server refuses the stream. */
async function poll<Status extends Readiness>(draw: Draw<Status>): Promise<void> {
  try {
    const next = await ask<Status>("/v1/status");
    draw(next);
    showReady(next);
  } catch {
    showLink("away", "no answer, retrying");
  }
  setTimeout(() => void poll(draw), poll_ms);
}

/** Calls `draw` with the first status and with every later one. */
export function listen<Status extends Readiness>(draw: Draw<Status>): void {
  const source = new EventSource("/v1/events");
  source.addEventListener("status", (event: MessageEvent<string>) => {
    const next = JSON.parse(event.data) as Status;
    draw(next);
    showReady(next);
  });
  source.addEventListener("error", () => {
    showLink("away", "no answer, retrying");
    if (source.readyState === EventSource.CLOSED) void poll(draw);
  });
}

type Choice = { readonly value: string; readonly text: string };

/** The groups that the user can select; the field is hidden while there is one group or none. */
export function offerGroups(groups: readonly Choice[]): void {
  const field = document.getElementById("group-field");
  if (field !== null) field.hidden = groups.length < 2;
  const known = [...select("group").options].map(({ value }) => value).join();
  if (known === groups.map(({ value }) => value).join()) return;
  place("group", ...groups.map(({ value, text }) => h("option", { value }, text)));
}

const themeKey = "whitepay-theme";

function setTheme(theme: string): void {
  document.documentElement.dataset["theme"] = theme;
  select("theme").value = theme;
}

/** The choice of colours, kept by the browser. */
export function bindTheme(): void {
  setTheme(localStorage.getItem(themeKey) ?? "auto");
  select("theme").addEventListener("change", () => {
    localStorage.setItem(themeKey, select("theme").value);
    setTheme(select("theme").value);
  });
}

const copiedFor_ms = 2_000;

/** Browsers allow this only on pages from https or from this machine. */
async function copy(button: Element): Promise<void> {
  const text = button.getAttribute("data-copy") ?? "";
  const say = (word: string): void => {
    button.textContent = word;
    place("news", `${button.getAttribute("aria-label") ?? ""}: ${word}.`);
  };
  try {
    await navigator.clipboard.writeText(text);
    say("copied");
  } catch {
    say("not allowed");
  }
  setTimeout(() => (button.textContent = "copy"), copiedFor_ms);
}

/** Copy buttons: see `copyButton`. */
export function bindCopy(): void {
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button.copy") : null;
    if (button === null) return;
    // A click on a button inside a summary must not fold the details.
    event.preventDefault();
    void copy(button);
  });
}
