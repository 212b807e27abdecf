// Which task of the program asks: calls inside a `withLock` belong to the task of that call, every other call is a task of its
// own. So the service refuses a task that waits for itself, and does not take two tasks of one client for one.

import { AsyncLocalStorage } from "node:async_hooks";

interface Task {
  readonly context: string;
  isOver: boolean;
}

export interface Tasks {
  /** The name of the task that calls. */
  readonly context: () => string;
  /** Calls `run` as part of the task of this name. */
  readonly within: <Result>(context: string, run: () => Promise<Result>) => Promise<Result>;
}

export function newTasks(): Tasks {
  const current = new AsyncLocalStorage<Task>();
  let started = 0;
  return {
    context: () => {
      const task = current.getStore();
      // Not a name that a program would choose for a task of its own. What was started inside a `withLock` and outlives it is on its own.
      return task === undefined || task.isOver ? `#${++started}` : task.context;
    },
    within: async (context, run) => {
      const task: Task = { context, isOver: false };
      try {
        return await current.run(task, run);
      } finally {
        task.isOver = true;
      }
    },
  };
}
