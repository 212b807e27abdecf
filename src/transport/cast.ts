// Who plays what. A thread loads the parts of its own actors and no others.

import { acts, type Cast, decides } from "./thread.ts";

export const cast: Cast = {
  clients: async () => acts((await import("./clients.ts")).startClients),
  gateway: async () => decides((await import("../actors/gateway/receive.ts")).gateway),
  peers: async () => acts((await import("./peers.ts")).startPeers),
  raft: async () => decides((await import("../actors/raft/receive.ts")).raft),
  storage: async () => acts((await import("./storage.ts")).startStorage),
  lock: async () => decides((await import("../actors/lock/receive.ts")).lock),
  lease: async () => decides((await import("../actors/lease/receive.ts")).lease),
  region: async () => decides((await import("../actors/region/receive.ts")).region),
};
