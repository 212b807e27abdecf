// What a call that must fail has failed with.

/** The error of a call that is expected to fail. */
export async function errorOf(call: Promise<unknown>): Promise<Error & { readonly code?: string }> {
  let result: unknown;
  try {
    result = await call;
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error(`not an error was thrown: ${String(error)}`);
  }
  throw new Error(`it did not fail, but came to ${JSON.stringify(result)}`);
}
