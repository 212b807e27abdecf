// The suites of uvu, but that what goes wrong is always said. uvu forgets the error of a hook that fails before the tests, and ends
// with success; and it takes the details of any error for a text, and breaks off if they are none.

import { type Callback, suite as plain, type Test } from "uvu";

export function suite<Context = Record<string, unknown>>(title: string): Test<Context> {
  const made = plain<Context>(title);
  const { before, only } = made;
  const telling = (hook: Callback<Context>): void =>
    before(async (context) => {
      try {
        await hook(context);
      } catch (error) {
        console.error(`\nnothing of "${title}" was tested: what comes before failed\n`, error);
        process.once("exit", () => {
          process.exitCode = 1;
        });
        throw error;
      }
    });
  const readably =
    (run: Callback<Context>): Callback<Context> =>
    async (context) => {
      try {
        await run(context);
      } catch (error) {
        throw readable(error);
      }
    };
  return Object.assign((name: string, run: Callback<Context>) => made(name, readably(run)), made, {
    only: (name: string, run: Callback<Context>) => only(name, readably(run)),
    before: Object.assign(telling, { each: before.each }),
  });
}

/** The same error with its details as a part of what it says. */
function readable(error: unknown): unknown {
  if (!(error instanceof Error) || !("details" in error) || typeof error.details !== "object") return error;
  const told = new Error(`${error.name}: ${error.message} ${JSON.stringify(error.details)}`);
  return Object.assign(told, { stack: error.stack });
}
