/** Providers of the archive, and who deposited for it. */
import { h, place, table } from "../../daemon/page/dom.ts";
import { copied, copyButton, money } from "../../daemon/page/facts.ts";
import { bytes, counted, dateOf, shortHex, whole } from "../../daemon/page/format.ts";
import type { FunderDocument, GroupDocument, ProviderDocument, StandingDocument } from "./documents.ts";

const mostRows = 200;

function providerRow({ operator, files, bytes: size, since_s, isRead }: ProviderDocument): Element {
  return h(
    "tr",
    { "data-key": operator },
    h(
      "th",
      { scope: "row", class: "mono", title: operator },
      shortHex(operator),
      " ",
      copyButton(`the address of provider ${operator}`, operator),
    ),
    h("td", { class: "num" }, whole(files)),
    h("td", { class: "num" }, bytes(size)),
    h("td", {}, since_s === null ? "–" : dateOf(since_s)),
    h("td", {}, isRead ? "read" : h("span", { class: "tag warn" }, "not readable from a browser")),
  );
}

export function showHolders({ providers }: StandingDocument): void {
  if (providers.length === 0) {
    return place(
      "holders",
      h("p", { class: "empty" }, "No provider committed to data of this archive's groups."),
    );
  }
  const rows = providers
    .toSorted((a, b) => b.files - a.files || b.bytes - a.bytes)
    .slice(0, mostRows)
    .map(providerRow);
  place(
    "holders",
    h(
      "div",
      { class: "scroll" },
      table(
        counted(providers.length, "provider"),
        ["provider", "files", "bytes", "since", "piece list"],
        rows,
      ),
    ),
  );
}

function funderRow({ from, amount, deposits, last_s }: FunderDocument, { token }: GroupDocument): Element {
  return h(
    "tr",
    { "data-key": from ?? "ahead" },
    from === null
      ? h("th", { scope: "row" }, "sent before the group was made")
      : h(
          "th",
          { scope: "row", class: "mono", title: from },
          shortHex(from),
          " ",
          copyButton(`the address of account ${from}`, from),
        ),
    h("td", {}, money(amount, token)),
    h("td", { class: "num" }, whole(deposits)),
    h("td", {}, dateOf(last_s)),
  );
}

function groupPart(group: GroupDocument): Element {
  const { token, keeperFee, available, payer, funders, moreFunders } = group;
  const fee = BigInt(keeperFee);
  return h(
    "div",
    { class: "funded", "data-key": group.group },
    h("h3", {}, "Group ", copied("the group's address", group.group)),
    h("p", {}, "Its payer is ", copied("the payer's address", payer), "."),
    h(
      "p",
      {},
      fee === 0n
        ? "It asks for no fee for keepers: they get their share of what providers earn. "
        : h(
            "span",
            {},
            "Its fee for keepers is ",
            money(keeperFee, token),
            " for each provider and 65,536 blocks. ",
          ),
      "Left in it: ",
      money(available, token),
      ". Anybody may add to it: ",
      h("code", {}, `whitepay group fund AMOUNT --group ${group.group}`),
    ),
    funders.length === 0
      ? h("p", { class: "empty" }, "Nobody deposited yet.")
      : h(
          "div",
          { class: "scroll" },
          table(
            `Deposits of ${counted(funders.length + moreFunders, "account")}, largest first`,
            ["account", "deposited", "times", "last"],
            funders.map((one) => funderRow(one, group)),
          ),
        ),
  );
}

export function showFunders({ groups }: StandingDocument): void {
  place(
    "funders",
    ...(groups.length === 0
      ? [h("p", { class: "empty" }, "No group stores this archive.")]
      : groups.map(groupPart)),
  );
}
