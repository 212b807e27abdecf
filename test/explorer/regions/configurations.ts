// Small bounds in which the rules between regions are explored.

import type { Configuration } from "./model.ts";

const plain = {
  regions: 2,
  abandons: false,
  tells: false,
  releases: false,
  forgets: false,
  losses: false,
};

export const configurations: readonly Configuration[] = [
  {
    ...plain,
    name: "rivals",
    about: "two leases after one lock, renewed, taken up by any region",
    ballots: [3],
    requests: [
      { lease: 0, lock: 0 },
      { lease: 1, lock: 0 },
    ],
    renewals: [1, 0],
    losses: true,
  },
  {
    ...plain,
    name: "releases",
    about: "locks are released, under the next ballot or another, and asked for again and late",
    ballots: [3],
    requests: [
      { lease: 0, lock: 0 },
      { lease: 1, lock: 0 },
    ],
    renewals: [0, 0],
    releases: true,
  },
  {
    ...plain,
    name: "abandoned",
    about: "a proposer gives up after it has asked to accept, and the request is repeated elsewhere",
    ballots: [4],
    requests: [
      { lease: 0, lock: 0 },
      { lease: 1, lock: 0 },
    ],
    renewals: [0, 0],
    abandons: true,
  },
  {
    ...plain,
    name: "told",
    about: "rivals are told who holds the lock, while grants are taken back",
    ballots: [3],
    requests: [
      { lease: 0, lock: 0 },
      { lease: 1, lock: 0 },
    ],
    renewals: [0, 0],
    abandons: true,
    tells: true,
  },
  {
    ...plain,
    name: "taken-back",
    about: "a grant is taken back while a rival is granted; regions choose their rounds as the logs do",
    ballots: [6],
    requests: [
      { lease: 0, lock: 0 },
      { lease: 1, lock: 0 },
    ],
    renewals: [0, 0],
    abandons: true,
    begins: [1, 2, 6],
  },
  {
    ...plain,
    name: "two-locks",
    about: "a lease with two locks, each held at another majority, and a rival for the second",
    regions: 1,
    ballots: [1, 2],
    requests: [
      { lease: 0, lock: 0 },
      { lease: 0, lock: 1 },
      { lease: 1, lock: 1 },
    ],
    renewals: [1, 0],
    granted: [
      { request: 0, by: [0, 1] },
      { request: 1, by: [1, 2] },
    ],
  },
  {
    ...plain,
    name: "held",
    about: "a lock that is held, its request repeated, and a rival",
    regions: 1,
    ballots: [3],
    requests: [
      { lease: 0, lock: 0 },
      { lease: 1, lock: 0 },
    ],
    renewals: [0, 0],
    granted: [{ request: 0, by: [0, 1] }],
  },
  {
    ...plain,
    name: "again",
    about: "a lease takes a lock, releases it, and takes it again",
    ballots: [3],
    requests: [
      { lease: 0, lock: 0 },
      { lease: 0, lock: 0 },
      { lease: 1, lock: 0 },
    ],
    renewals: [0, 0],
    releases: true,
  },
  {
    ...plain,
    name: "forgotten",
    about: "acceptors drop free records, and old messages and requests arrive after that",
    ballots: [3],
    requests: [
      { lease: 0, lock: 0 },
      { lease: 1, lock: 0 },
    ],
    renewals: [0, 0],
    forgets: true,
  },
  {
    ...plain,
    name: "overtaken",
    about: "a stale holder, cut off, below a grant of later that may be forgotten",
    regions: 1,
    ballots: [4],
    requests: [
      { lease: 0, lock: 0 },
      { lease: 1, lock: 0 },
    ],
    renewals: [0, 0],
    forgets: true,
    granted: [
      { request: 0, by: [0, 1], expiredAt: 1 },
      { request: 1, by: [1, 2] },
    ],
  },
];
