// The SDK for programs that `require`. The same code and the same error class: `connect` loads the rest when it is called.

import type { Client, ConnectOptions } from "./index.ts" with { "resolution-mode": "import" };

export { LockError } from "./errors.cts";
export type * from "./index.ts" with { "resolution-mode": "import" };

/** Connects to the service; see the documentation of the package. */
export async function connect(endpoints: string | readonly string[], options: ConnectOptions = {}): Promise<Client> {
  const sdk = await import("./index.ts");
  return sdk.connect(endpoints, options);
}
