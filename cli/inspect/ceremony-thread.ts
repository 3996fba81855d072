/** A thread that works on points of a ceremony's file (ceremony-threads.ts). */
import { doPointTask } from "../../ceremony/powers-of-tau/point-task.ts";
import type { PointTask } from "../../ceremony/powers-of-tau/point-task.ts";
import { serveTasks } from "../../storage/disk/thread-side.ts";

serveTasks(async (task: PointTask) => ({ done: doPointTask(task) }));
