/** Compiles the project of the folder it is started in: Hardhat looks for its configuration from there upwards. */
import { tasks } from "hardhat";

await tasks.getTask("build").run({ quiet: true, noTests: true });
