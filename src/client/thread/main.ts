// The renewing thread of a client: keeps its session, its leases and its locks, whatever the program's thread is doing.

import { randomBytes } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import type { FromThread, Setting, ToThread } from "../letters.ts";
import { newPost } from "../post.ts";
import { failureFrom, isFinal } from "./failures.ts";
import { type Leases, newLeases } from "./leases.ts";
import { type Locks, newLocks } from "./locks.ts";
import { newQuestioning } from "./questioning.ts";
import { newRequests, type Requests } from "./requests.ts";
import { newSession } from "./session.ts";
import { newWatches } from "./watches.ts";

if (parentPort === null) throw new Error("this is the program of a worker thread");
const port = parentPort;
const setting = workerData as Setting;
const post = newPost<FromThread>((letters) => port.postMessage(letters));

const incarnation = randomBytes(12).toString("base64url");
let lastRequest = 0;
const requestId = () => `${incarnation}-${++lastRequest}`;

const session = newSession(setting, {
  hello: () => leases.hello(),
  onWelcome: (welcome) => leases.onWelcome(welcome),
  onRefused: (error, isLast) => {
    if (!leases.onRefused(error) && isLast && isFinal(error)) post({ type: "refused", error: failureFrom(error) });
  },
  onLeaseEvents: (heard) => leases.onLeaseEvents(heard),
  onDown: (error) => post({ type: "trouble", error: failureFrom(error) }),
});
const leases: Leases = newLeases(setting, session, {
  requestId,
  onOwn: ({ id }) => post({ type: "connected", leaseId: id }),
  onLost: (lease, reason) => {
    locks.onLeaseLost(lease, reason);
    requests.onLeaseLost(lease);
  },
  onSaved: ({ key }) => post({ type: "lookAtLease", lease: key }),
  onEvents: (lease, events) => locks.onEvents(lease, events),
  onGap: (lease) => locks.onGap(lease),
});
const locks: Locks = newLocks(session, leases, { requestId, post });
const requests: Requests = newRequests(setting, session, leases, { requestId, post, onGranted: locks.add });
const watches = newWatches(session, post);
const questioning = newQuestioning(setting, session, { requestId, post });

/** A service that does not answer keeps nobody from closing for longer. */
const closeMsMax = Math.min(setting.requestTimeoutMs, 3_000);
/** Nor does one that is not reached, while there is a lease to be given back. */
const downMsMax = Math.min(closeMsMax, 1_000);

function close(): void {
  let isFinished = false;
  const finish = () => {
    if (isFinished) return;
    isFinished = true;
    clearTimeout(patience);
    session.close();
    post({ type: "closed" });
  };
  const open = leases.stop();
  const patience = setTimeout(finish, session.isUp() ? closeMsMax : open.length > 0 ? downMsMax : 0);
  requests.close();
  locks.close(() => {
    let left = open.length;
    if (left === 0) finish();
    for (const lease of open) leases.revoke(lease, () => --left === 0 && finish());
  });
}

function receive(letter: ToThread): void {
  switch (letter.type) {
    case "acquire":
      return requests.acquire(letter.call, letter.spec);
    case "abandon":
      return requests.abandon(letter.call);
    case "release":
      return locks.release(letter.call, letter.lock);
    case "ask":
      return questioning.ask(letter.call, letter.question);
    case "forget":
      return questioning.forget(letter.call);
    case "watch":
      return watches.watch(letter.call, letter.wish, letter.after);
    case "unwatch":
      return watches.unwatch(letter.call);
    case "close":
      return close();
  }
}

port.on("message", (letters: readonly ToThread[]) => {
  for (const letter of letters) receive(letter);
});
session.start();
