/** CPU time and memory of other processes, as Linux counts them. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

export type Use = {
  /** User and system time. */
  readonly cpu_ms: number;
  /** Largest resident memory so far. */
  readonly peak_MiB: number;
};

const tick_ms = 10;
const look_ms = 100;

/** Undefined if the process has ended. */
export async function useOf(pid: number): Promise<Use | undefined> {
  try {
    const [stat, status] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "utf8"),
      readFile(`/proc/${pid}/status`, "utf8"),
    ]);
    // The name in parentheses may hold anything; user and system time are the 12th and 13th field behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const peak_kB = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    if (peak_kB === undefined) return undefined;
    return {
      cpu_ms: (Number(fields[11]) + Number(fields[12])) * tick_ms,
      peak_MiB: Number(peak_kB) / 1024,
    };
  } catch {
    return undefined;
  }
}

/** The last look at a process before it ended. */
export async function useUntilEnd(pid: number, ended: Promise<unknown>): Promise<Use> {
  let last: Use = { cpu_ms: 0, peak_MiB: 0 };
  const over = new AbortController();
  const end = ended.then(
    () => over.abort(),
    () => over.abort(),
  );
  while (!over.signal.aborted) {
    last = (await useOf(pid)) ?? last;
    await Promise.race([end, sleep(look_ms)]);
  }
  return last;
}
