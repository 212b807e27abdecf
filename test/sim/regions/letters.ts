// The words of the actors that these checkers read.

import type { RenewalResult } from "../../../src/actors/ballots.ts";

export type { ActorName, AskReply, Command, Query, RaftToLock } from "../../../src/actors/messages.ts";

export interface RenewalAnswers {
  readonly type: string;
  readonly results: readonly RenewalResult[];
}
