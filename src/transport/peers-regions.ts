// The streams on which this node speaks to nodes of other regions. Addresses are configured, names are not: who is at an address
// it says itself. Two addresses may lead to one node; then the newer stream is used, and the other address rests.

import type { RegionMessage, RemoteNode } from "../actors/ballots.ts";
import { nameOf } from "./peers-door.ts";
import { helloToRegion } from "./peers-hello.ts";
import { type Link, openLink } from "./peers-link.ts";
import type { Patience } from "./peers-wire.ts";
import type { Surroundings } from "./resident.ts";
import type { RegionPeer } from "./settings.ts";

export interface RegionLinks {
  readonly all: readonly Link[];
  /** How many nodes can be spoken to. */
  readonly up: () => number;
  readonly tell: (to: RemoteNode, message: RegionMessage) => void;
}

/** An address, and who was there when it was last reached. */
interface Way {
  readonly link: Link;
  node: RemoteNode | null;
}

const sameNode = (one: RemoteNode | null, other: RemoteNode): boolean =>
  one !== null && one.region === other.region && one.node === other.node;

/** Begins to dial every address of other regions. */
export function openRegionLinks({ settings, log, post }: Surroundings<"peers">, patience: Patience): RegionLinks {
  /** By the node that it leads to. */
  const speaking = new Map<string, Way>();
  const ways = settings.regionPeers.map(open);

  const othersAt = (way: Way, node: RemoteNode): readonly Way[] =>
    ways.filter((other) => other !== way && sameNode(other.node, node));

  function open({ regionId: region, host, port }: RegionPeer): Way {
    const link = openLink({
      address: { host, port },
      name: `${region} at ${host}:${port}`,
      hello: helloToRegion({ region, node: null }, settings),
      patience,
      log,
      onUp: ({ nodeId }) => onUp(way, { region, node: nodeId }),
      onDown: () => onDown(way),
    });
    const way: Way = { link, node: null };
    return way;
  }

  function onUp(way: Way, node: RemoteNode): void {
    way.node = node;
    const isNew = !speaking.has(nameOf(node));
    speaking.set(nameOf(node), way);
    for (const other of othersAt(way, node)) other.link.rest();
    if (isNew) post("region", { type: "regionLink", node, up: true });
  }

  function onDown(way: Way): void {
    const { node } = way;
    if (node === null || speaking.get(nameOf(node)) !== way) return;
    speaking.delete(nameOf(node));
    post("region", { type: "regionLink", node, up: false });
    for (const other of othersAt(way, node)) other.link.wake();
  }

  return {
    all: ways.map(({ link }) => link),
    up: () => speaking.size,
    tell: (to, message) => speaking.get(nameOf(to))?.link.say(message),
  };
}
