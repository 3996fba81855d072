/** The provider's page. */
import { PageFiles } from "../../daemon/http/page-files.ts";

export const dashboard = new PageFiles(new URL("../dashboard/", import.meta.url), "provider", [
  "app",
  "challenges",
  "disks",
  "earnings",
  "groups",
  "overview",
]);
