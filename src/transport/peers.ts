// The other nodes of this region, as an actor. Every node dials every other; what this node has to say to another travels on
// the stream that it dialled, what the other says on the other's. A link is up while this node can speak.

import type { NodeId } from "../actors/scalars.ts";
import type { Parcel } from "./codec-peer.ts";
import { type Door, openDoor } from "./peers-door.ts";
import { helloTo } from "./peers-hello.ts";
import { type Link, openLink } from "./peers-link.ts";
import type { Mail, Resident, Surroundings } from "./resident.ts";
import type { Peer } from "./settings.ts";

/** Listens on REGION_PORT, also if no other node is configured, and begins to dial the others. */
export async function startPeers(surroundings: Surroundings<"peers">): Promise<Resident<"peers">> {
  const { settings, log, post, fail } = surroundings;
  const known = new Set<NodeId>(settings.peers.map(({ nodeId }) => nodeId));

  function deliver(from: NodeId, { raft, requests, answers }: Parcel): void {
    for (const message of raft) post("raft", { type: "received", from, message });
    if (requests.length > 0) post("gateway", { type: "forwarded", from, requests });
    if (answers.length > 0) post("gateway", { type: "replied", from, answers });
  }

  const door = await openDoor({
    address: settings.regionAddress,
    log,
    helloTo: (node) => (known.has(node) ? helloTo(node, settings) : null),
    onParcel: deliver,
    onUnreadableEntry: (error) =>
      fail(new Error(`${error.message}; a newer version is needed to be a member of this cluster`, { cause: error })),
  });

  const links = new Map<NodeId, Link>();
  let stopped = false;
  // Whoever started this must know that it runs before the first letter comes.
  setImmediate(() => {
    if (!stopped) for (const peer of settings.peers) links.set(peer.nodeId, link(peer));
  });

  function link(peer: Peer): Link {
    const { nodeId: node, host } = peer;
    return openLink({
      peer,
      hello: helloTo(node, settings),
      log,
      onUp: ({ clientPort }) => post("gateway", { type: "link", node, clientAddress: `${host}:${clientPort}` }),
      onDown: () => post("gateway", { type: "link", node, clientAddress: null }),
    });
  }

  function receive(letter: Mail<"peers">): void {
    const to = links.get(letter.to);
    if (to === undefined) return;
    switch (letter.type) {
      case "send":
        to.tell(letter.message);
        break;
      case "forward":
        to.forward(letter.requests);
        break;
      case "reply":
        to.reply(letter.answers);
        break;
    }
  }

  return {
    receive,
    inspect: () => inspect(door, [...links.values()]),
    stop: async () => {
      stopped = true;
      await Promise.all([...links.values()].map((each) => each.close()));
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
    messagesDropped: sum(({ dropped }) => dropped),
    pendingBytes: sum(({ pendingBytes }) => pendingBytes),
    streamsOpen: open,
    streamsRefused: refused,
  };
}
