/** The keeper's page. */
import { PageFiles } from "../../daemon/http/page-files.ts";

export const dashboard = new PageFiles(new URL("../dashboard/", import.meta.url), "keeper", [
  "app",
  "chart",
  "committee",
  "groups",
  "money",
  "outcomes",
  "overview",
  "payments",
  "reasons",
  "round",
]);
