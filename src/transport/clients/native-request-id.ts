// Under which name a request of the native interface is known: made of what the client calls it and of whom it concerns, so
// that two clients may choose the same words. A later Cancel makes the same name of the same words.

import { createHash } from "node:crypto";
import { type LeaseId, type RequestId, requestId } from "../../actors/scalars.ts";

/** Whom a request concerns: its lease; or who asks, if it brings a ttl of its own or opens a lease; or the lock alone. */
export type Scope = { readonly lease: LeaseId } | { readonly owner: string } | { readonly lock: string };

/** The name of the request that the client calls `chosen`. */
export const nativeRequestId = (scope: Scope, chosen: string): RequestId =>
  requestId(
    createHash("sha256")
      .update(`lockmgr.v1\0${words(scope)}\0${chosen}`)
      .digest("base64url")
      .slice(0, 24),
  );

/** Names may hold anything, so that their length says where they end. */
function words(scope: Scope): string {
  if ("lease" in scope) return String(scope.lease);
  const [kind, name] = "owner" in scope ? ["owner", scope.owner] : ["lock", scope.lock];
  return `${kind}\0${name.length}\0${name}`;
}
