/** An S3 server as a process: fauxqs with its objects in memory, on the loopback interface alone. Prints its port. */
import { buildApp } from "fauxqs";

const app = buildApp({ logger: false });
const url = await app.listen({ host: "127.0.0.1", port: 0 });
console.log(`listens ${new URL(url).port}`);
// The end of the pipe is the end of the test.
process.stdin.resume().on("end", () => process.exit());
