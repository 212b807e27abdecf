// The other nodes, as an actor. Every node dials every other of its region, and every address of other regions that it is told
// of; what this node has to say to another travels on the stream that it dialled, what the other says on the other's. A link is
// up while this node can speak.

import type { RemoteNode } from "../actors/ballots.ts";
import type { NodeId } from "../actors/scalars.ts";
import { MalformedError } from "./codec.ts";
import type { Hello, Parcel } from "./codec-peer.ts";
import { type Door, openDoor } from "./peers-door.ts";
import { helloTo, helloToRegion } from "./peers-hello.ts";
import { type Link, openLink } from "./peers-link.ts";
import { openRegionLinks, type RegionLinks } from "./peers-regions.ts";
import { usualPatience } from "./peers-wire.ts";
import type { Mail, Resident, Surroundings } from "./resident.ts";
import type { Peer } from "./settings.ts";

/** Listens on REGION_PORT, also if no other node is configured, and begins to dial the others. */
export async function startPeers(
  surroundings: Surroundings<"peers">,
  patience = usualPatience,
): Promise<Resident<"peers">> {
  const { settings, log, post, fail } = surroundings;
  const { regionId: ownRegion, regions } = settings.config.cluster;
  const known = new Set<NodeId>(settings.peers.map(({ nodeId }) => nodeId));

  function answerTo({ nodeId: node, regionId: region }: Hello): Hello | string {
    if (region === ownRegion) return known.has(node) ? helloTo(node, settings) : `no node ${node} is known here`;
    if (regions.includes(region)) return helloToRegion({ region, node }, settings);
    return `no region ${region} is known here; the regions are ${regions.join(", ")}`;
  }

  function deliver(from: RemoteNode, { raft, requests, answers, regional }: Parcel): void {
    const isOurs = from.region === ownRegion;
    if (isOurs ? regional.length > 0 : raft.length + requests.length + answers.length > 0) {
      throw new MalformedError("nodes of one region, and nodes of two, do not say such things to each other");
    }
    const { node } = from;
    for (const message of raft) post("raft", { type: "received", from: node, message });
    if (requests.length > 0) post("gateway", { type: "forwarded", from: node, requests });
    if (answers.length > 0) post("gateway", { type: "replied", from: node, answers });
    for (const message of regional) post("region", { type: "told", from, message });
  }

  const door = await openDoor({
    address: settings.regionAddress,
    patience,
    log,
    answerTo,
    onParcel: deliver,
    onUnreadableEntry: ({ region }, error) => {
      // What another region says is no entry of this one's log.
      if (region !== ownRegion) return;
      fail(new Error(`${error.message}; a newer version is needed to be a member of this cluster`, { cause: error }));
    },
  });

  const links = new Map<NodeId, Link>();
  let regionLinks: RegionLinks | null = null;
  let stopped = false;
  // Whoever started this must know that it runs before the first letter comes.
  setImmediate(() => {
    if (stopped) return;
    for (const peer of settings.peers) links.set(peer.nodeId, link(peer));
    regionLinks = openRegionLinks(surroundings, patience);
  });

  function link(peer: Peer): Link {
    const { nodeId: node, host } = peer;
    return openLink({
      address: peer,
      name: node,
      hello: helloTo(node, settings),
      patience,
      log,
      onUp: ({ clientPort }) => post("gateway", { type: "link", node, clientAddress: `${host}:${clientPort}` }),
      onDown: () => post("gateway", { type: "link", node, clientAddress: null }),
    });
  }

  function receive(letter: Mail<"peers">): void {
    switch (letter.type) {
      case "send":
        links.get(letter.to)?.tell(letter.message);
        break;
      case "forward":
        links.get(letter.to)?.forward(letter.requests);
        break;
      case "reply":
        links.get(letter.to)?.reply(letter.answers);
        break;
      case "tell":
        regionLinks?.tell(letter.to, letter.message);
        break;
    }
  }

  const allLinks = (): readonly Link[] => [...links.values(), ...(regionLinks?.all ?? [])];
  return {
    receive,
    inspect: () => ({ ...inspect(door, allLinks()), regionLinksUp: regionLinks?.up() ?? 0 }),
    cut: () => {
      stopped = true;
      door.close();
      for (const each of allLinks()) each.cut();
    },
    stop: async () => {
      stopped = true;
      await Promise.all(allLinks().map((each) => each.close()));
      door.close();
    },
  };
}

function inspect(door: Door, links: readonly Link[]): Readonly<Record<string, number>> {
  const states = links.map((link) => link.inspect());
  const sum = (count: (state: (typeof states)[number]) => number): number =>
    states.reduce((total, state) => total + count(state), 0);
  const { open, refused } = door.inspect();
  return {
    port: door.port,
    linksUp: sum(({ up }) => (up ? 1 : 0)),
    linksResting: sum(({ resting }) => (resting ? 1 : 0)),
    messagesDropped: sum(({ dropped }) => dropped),
    pendingBytes: sum(({ pendingBytes }) => pendingBytes),
    streamsOpen: open,
    streamsRefused: refused,
  };
}
