// The kinds of values that a setting may have: which texts each accepts, in words and in code. None of them throws.

import { isIP } from "node:net";
import { nodeId, regionId } from "../actors/scalars.ts";
import type { Address, Peer, RegionPeer } from "./settings.ts";

/** A kind of value: which texts it accepts, in words, and what it makes of one. A problem continues "NAME: …". */
export interface Kind<Value> {
  readonly accepts: string;
  readonly parse: (text: string) => { readonly value: Value } | { readonly problem: string };
}

export const quoted = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}…` : text);

const kind = <Value>(accepts: string, read: (text: string) => Value | null): Kind<Value> => ({
  accepts,
  parse: (text) => {
    const value = read(text);
    return value === null ? { problem: `${quoted(text)} is not ${accepts}` } : { value };
  },
});

/** A number from min to max; outside of them the problem says so. */
const ranged = (what: string, { min, max }: { min: number; max: number }, read: (text: string) => number | null) => {
  const accepts = `${what} from ${min} to ${max}`;
  const parse: Kind<number>["parse"] = (text) => {
    const value = read(text);
    if (value === null) return { problem: `${quoted(text)} is not a number; it must be ${accepts}` };
    if (value < min || value > max) return { problem: `${quoted(text)} is out of range; it must be ${accepts}` };
    return { value };
  };
  return { accepts, parse };
};

const readWhole = (text: string): number | null => (/^[+-]?\d+$/.test(text) ? Number(text) : null);
export const whole = (min: number, max: number): Kind<number> => ranged("a whole number", { min, max }, readWhole);

const readFraction = (text: string): number | null => (/^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : null);
export const fraction = (min: number, max: number): Kind<number> => ranged("a number", { min, max }, readFraction);

export const kibi = 1024;
export const mebi = kibi ** 2;
export const gibi = kibi ** 3;
const factors: Readonly<Record<string, number>> = { "": 1, k: kibi, m: kibi ** 2, g: kibi ** 3, t: kibi ** 4 };
function readBytes(text: string): number | null {
  const parts = /^(\d+) ?(?:([kmgt])i(?:b)?)?$/i.exec(text);
  return parts === null ? null : Number(parts[1]) * (factors[(parts[2] ?? "").toLowerCase()] ?? 1);
}
export const bytes = (min: number, max: number): Kind<number> =>
  ranged("a number of bytes (Ki, Mi, Gi, Ti may follow)", { min, max }, readBytes);

export const oneOf = <Word extends string>(...words: readonly Word[]): Kind<Word> =>
  kind(`one of ${words.join(", ")}`, (text) => words.find((word) => word === text) ?? null);

const isId = (text: string): boolean => /^[A-Za-z0-9._-]{1,64}$/.test(text);
export const id: Kind<string> = kind("1 to 64 of A-Z a-z 0-9 . _ -", (text) => (isId(text) ? text : null));

export const path: Kind<string> = kind("a path", (text) => (text.includes("\0") ? null : text));

/** A name, an IPv4 or an IPv6 address; the latter may stand in brackets, which are taken off. */
function readHost(text: string): string | null {
  const bare = /^\[(.*)\]$/.exec(text)?.[1];
  if (bare !== undefined) return isIP(bare) === 6 ? bare : null;
  if (isIP(text) !== 0) return text;
  const isName = text.length <= 253 && /^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?$/.test(text);
  return isName && !/^[\d.]+$/.test(text) ? text : null;
}
export const host: Kind<string> = kind("a host name or an IP address", readHost);

/** The last colon parts host and port; an IPv6 host stands in brackets, so that it is the only one outside of them. */
function readAddress(text: string, { hostWhenNone, portMin }: { hostWhenNone: string | null; portMin: number }) {
  const parts = /^(\[[^\]]*\]|[^:[\]]*):(\d{1,5})$/.exec(text);
  if (parts === null) return null;
  const port = Number(parts[2]);
  const heard = parts[1] === "" ? hostWhenNone : readHost(parts[1] as string);
  return heard === null || port < portMin || port > 65_535 ? null : { host: heard, port };
}

/** Where to listen. Without a host on all interfaces, as the flags of the earlier system had it. */
export const listenAddress: Kind<Address> = kind(
  'host:port, or ":port" for all interfaces, the port from 0 to 65535; an IPv6 host stands in [brackets]',
  (text) => readAddress(text, { hostWhenNone: "0.0.0.0", portMin: 0 }),
);

/** A list of names with addresses, `name:host:port,…`. */
const named = <Item>(
  { name, whose }: { name: string; whose: string },
  itemOf: (name: string, address: Address) => Item,
): Kind<readonly Item[]> => ({
  accepts: `a list ${name}:host:port,… of ${whose}; an IPv6 host stands in [brackets]`,
  parse: (text) => {
    const read: Item[] = [];
    const wrong: string[] = [];
    for (const part of text.split(",").map((piece) => piece.trim())) {
      if (part === "") continue;
      const colon = part.indexOf(":");
      const given = part.slice(0, Math.max(colon, 0));
      const address = readAddress(part.slice(colon + 1), { hostWhenNone: null, portMin: 1 });
      if (isId(given) && address !== null) read.push(itemOf(given, address));
      else wrong.push(quoted(part));
    }
    if (wrong.length === 0) return { value: read };
    const are = wrong.length === 1 ? "is" : "are";
    return {
      problem: `${wrong.join(", ")} ${are} not ${name}:host:port; ${name} is ${id.accepts}, port is from 1 to 65535, an IPv6 host stands in [brackets]`,
    };
  },
});

export const peers: Kind<readonly Peer[]> = named(
  { name: "nodeId", whose: "the other nodes of this region" },
  (name, address) => ({ nodeId: nodeId(name), ...address }),
);

export const regionPeers: Kind<readonly RegionPeer[]> = named(
  { name: "regionId", whose: "the nodes of the other regions" },
  (name, address) => ({ regionId: regionId(name), ...address }),
);
