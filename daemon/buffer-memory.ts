/** How V8 treats the memory of buffers. */
import { setFlagsFromString } from "node:v8";

/**
 * For processes through which many bytes pass. By default V8 collects the whole heap after every few dozen MB of new buffers, however few of
 * them are in use: while ranges are sent or received, this takes more CPU time than hashing and encryption. With this setting buffers count
 * towards the limit of the heap, which follows what is in use, and the heap is collected when it is four times that. Both are settings of
 * Node 24's V8; other versions keep their default.
 */
export function countBuffersAsHeap(): void {
  if (process.versions.node.startsWith("24.")) {
    setFlagsFromString("--external-memory-accounted-in-global-limit");
    setFlagsFromString("--heap-growing-percent=300");
  }
}
