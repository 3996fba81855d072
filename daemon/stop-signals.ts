/** What stops a daemon in order. SIGHUP comes when the terminal it was started in is closed. */
export const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
