// What the tests of the native interface over HTTP have in common: asking with JSON, and streams of events.

import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { CallId, ClientsToGateway } from "../../../src/actors/messages.ts";
import type { GrantView, LockEvent, Obstacle, Operation } from "../../../src/actors/operations.ts";
import { fencingToken, leaseId, logIndex, millis } from "../../../src/actors/scalars.ts";
import { type House, holder } from "./scripted-gateway.ts";

export interface Told {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever it is, it is compared.
  readonly json: any;
}

/** Asks, and waits for the whole answer. */
export function ask(
  house: House,
  door: string,
  body?: object | string,
  headers: Record<string, string> = {},
): Promise<Told> {
  const sent = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    open(house, door, headers, sent)
      .then((response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          const isJson = String(response.headers["content-type"]).startsWith("application/json");
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: isJson ? JSON.parse(text) : null,
          });
        });
      })
      .catch(reject);
  });
}

/** Asks; the answer has begun when this resolves. `door`: "GET /path". */
export function open(
  house: Pick<House, "httpPort">,
  door: string,
  headers: Record<string, string> = {},
  body?: string,
  signal?: AbortSignal,
): Promise<IncomingMessage> {
  const space = door.indexOf(" ");
  const [method, path] = [door.slice(0, space), door.slice(space + 1)];
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const asked = httpRequest(
      {
        host: "127.0.0.1",
        port: house.httpPort,
        method,
        path,
        headers: { ...length, ...headers },
        agent: false,
        signal,
      },
      resolve,
    );
    asked.on("error", reject);
    asked.end(body);
  });
}

/** Reads a stream until its text fits. */
export function until(response: IncomingMessage, pattern: RegExp): Promise<string> {
  response.setEncoding("utf8");
  let text = "";
  return new Promise((resolve, reject) => {
    const look = (chunk: string): void => {
      text += chunk;
      if (!pattern.test(text)) return;
      response.off("data", look);
      response.pause();
      resolve(text);
    };
    response.on("data", look);
    response.on("end", () => reject(new Error(`the stream has ended: ${text}`)));
    response.resume();
  });
}

type Watch = Extract<ClientsToGateway, { type: "watch" }>;
/** The last watch that reached the gateway. */
export const lastWatch = (house: House): Watch =>
  house.letters.filter((letter) => letter.type === "watch").at(-1) as Watch;

/** Asks for events; resolves when the gateway has been asked. */
export async function watch(
  house: House,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ readonly letter: Watch; readonly response: Promise<IncomingMessage> }> {
  const before = house.letters.length;
  const response = open(house, `GET ${path}`, headers);
  await house.until((letters) => letters.slice(before).some(({ type }) => type === "watch"));
  return { letter: lastWatch(house), response };
}

export const tell = (house: House, call: CallId, revision: number, events: readonly LockEvent[]): void =>
  house.resident.receive({ type: "watched", call, revision: logIndex(revision), events });

export const lockEvent = (changes: Partial<LockEvent> = {}): LockEvent => ({
  revision: logIndex(5),
  kind: "granted",
  lock: "a",
  owner: "me",
  lease: leaseId(7),
  token: fencingToken(42),
  text: "",
  span: millis(0),
  queue: 0,
  ...changes,
});

export const obstacle = (changes: Partial<Obstacle> = {}): Obstacle => ({
  lock: "a",
  holder,
  metadata: "host=x",
  delayed: null,
  delayedBy: null,
  queue: 2,
  ...changes,
});

export const grantView: GrantView = {
  ...holder,
  mode: "exclusive",
  permits: 1,
  limit: 0,
  context: "",
  delay: millis(0),
  metadata: "host=x",
  yielding: null,
};

export type AcquireAll = Extract<Operation, { type: "acquireAll" }>;
export const granted = {
  type: "granted",
  lease: leaseId(7),
  token: fencingToken(43),
  ttl: millis(10_000),
} as const;
