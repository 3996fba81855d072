/** Signals that stop a daemon in order. A daemon gets SIGHUP when its terminal is closed. */
export const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
