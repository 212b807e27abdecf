// At which letter of a region's leader something happens to it: each step of a round between regions, as it is written.

import type { ActorName, RegionToPeers } from "../../../src/actors/messages.ts";
import type { WideTrap } from "./plan.ts";

type Springs = (from: ActorName, to: ActorName, letter: unknown) => boolean;

const proposes =
  (type: string): Springs =>
  (_from, to, letter) =>
    to === "raft" &&
    ((letter as { commands?: readonly { type: string }[] }).commands ?? []).some((command) => command.type === type);

const asks =
  (type: string): Springs =>
  (from, to, letter) => {
    if (from !== "region" || to !== "peers") return false;
    const { message } = letter as RegionToPeers;
    return message.type === "ask" && message.question.type === type;
  };

const tells =
  (types: readonly string[]): Springs =>
  (from, to, letter) => {
    if (from !== "region" || to !== "peers") return false;
    const { message } = letter as RegionToPeers;
    return message.type === "reply" && types.includes(message.reply.type);
  };

export const springs: Readonly<Record<WideTrap, Springs>> = {
  begin: proposes("begin"),
  prepare: proposes("prepare"),
  accept: proposes("accept"),
  conclude: proposes("conclude"),
  expire: proposes("expire"),
  replies: (from, to) => from === "lock" && to === "region",
  askPrepare: asks("prepare"),
  askAccept: asks("accept"),
  askRenew: asks("renew"),
  replyPrepare: tells(["promise", "live", "overtaken"]),
  replyAccept: tells(["accepted"]),
  replyRenew: tells(["renewals"]),
  renew: (from, to) => from === "region" && to === "lease",
  answer: (from, to) => from === "region" && to === "gateway",
};
