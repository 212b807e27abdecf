// The suites of uvu, but that a hook which fails before the tests says why, and fails the file: uvu forgets the error and ends
// with success.

import { type Callback, suite as plain, type Test } from "uvu";

export function suite<Context = Record<string, unknown>>(title: string): Test<Context> {
  const made = plain<Context>(title);
  const { before } = made;
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
  return Object.assign(made, { before: Object.assign(telling, { each: before.each }) });
}
