// How a command reaches the service: through the client library, which is loaded only when it is needed.

import type { Client, ConnectOptions } from "../client/index.ts";
import { usageError } from "./exit.ts";

/** Options that every command has. */
export interface Shared {
  readonly endpoints: string;
  readonly json?: true;
}

/** The port is the one at which a node serves clients unless it is told otherwise. */
export const endpointsStandard = "127.0.0.1:9090";

export function endpointsOf({ endpoints }: Shared): string[] {
  const list = (endpoints === "" ? endpointsStandard : endpoints)
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (list.length === 0) throw usageError("--endpoints must name at least one host:port");
  return list;
}

export async function connectTo(shared: Shared, options: ConnectOptions = {}): Promise<Client> {
  const { connect } = await import("../client/index.ts");
  return connect(endpointsOf(shared), options);
}

/** Connects, does something, and leaves nothing behind. */
export async function withClient<Result>(
  shared: Shared,
  options: ConnectOptions,
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = await connectTo(shared, options);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}
