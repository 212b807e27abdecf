// The OpenAPI document says what is served: every route is in it and everything in it is served, and its examples are
// requests that are understood.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { instant, wallTime } from "../../../src/actors/scalars.ts";
import { newCalls } from "../../../src/transport/clients/calls.ts";
import { newOpenStreams } from "../../../src/transport/clients/grpc-calls.ts";
import { newHttpServer } from "../../../src/transport/clients/http.ts";
import { newLeased } from "../../../src/transport/clients/leased.ts";
import { addNativeRoutes } from "../../../src/transport/clients/native-http.ts";
import { addOpenApi } from "../../../src/transport/clients/openapi.ts";
import type { Desk } from "../../../src/transport/clients/procedure.ts";
import { packageRoot } from "../../../src/transport/clients/reflection.ts";
import { addLeasedRoutes, addNodeRoutes } from "../../../src/transport/clients/routes.ts";
import { ElectionServiceService } from "../../../src/transport/generated/lockmgr/v1/election.ts";
import { LockServiceService } from "../../../src/transport/generated/lockmgr/v1/lock.ts";
import { suite } from "../../suite.ts";
import { ask } from "./native-http-house.ts";
import { type House, openHouse, settings } from "./scripted-gateway.ts";

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly example?: string | number;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly example?: object } } };
  readonly responses: Readonly<Record<string, object>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const test = suite<{ house: House; document: Document }>("transport/clients/openapi");
test.before(async (context) => {
  context.house = await openHouse();
  context.document = (await ask(context.house, "GET /openapi.json")).json;
});
test.before.each(({ house }) => {
  house.follow(() => ({ type: "refused", refusal: "overloaded" }));
});
test.after(({ house }) => house.stop());

const operations = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({ verb: verb.toUpperCase(), path, operation })),
  );

/** Everything that is registered with the server, as "GET /path/*". */
function registered(): string[] {
  const app = newHttpServer(settings());
  const found = new Set<string>();
  app.addHook("onRoute", ({ method, url }) => {
    for (const verb of [method].flat()) if (verb !== "HEAD") found.add(`${verb} ${url}`);
  });
  const calls = newCalls(() => undefined);
  const desk: Desk = {
    settings: settings(),
    post: () => undefined,
    now: () => instant(0),
    wallNow: () => wallTime(0),
    calls,
    standing: () => null,
    regions: () => [],
  };
  const metrics = { meter: () => ({ count: () => undefined }), contentType: "", scrape: async () => "" };
  addLeasedRoutes(app, desk, newLeased(desk), metrics);
  addNodeRoutes(app, metrics, () => null);
  addNativeRoutes(app, { desk, metrics, streams: newOpenStreams() });
  addOpenApi(app, "1");
  return [...found].sort();
}

test("what is registered is in the document, and what is in the document is registered", ({ document }) => {
  // Below a name, the native interface finds its routes itself.
  const served = operations(document).map(({ verb, path }) =>
    /^\/v1\/(locks|leases|requests|elections)\//.test(path)
      ? `${verb} ${path.replace(/\{.*$/, "*")}`
      : `${verb} ${path.replace(/:(?=\w+$)/, "::").replace(/\{(\w+)\}/g, ":$1")}`,
  );
  assert.equal([...new Set(served)].sort(), registered());
});

test("the document has every path that the .proto files name, and every call but the session", ({ document }) => {
  const named = ["lock", "election"]
    .map((name) => readFileSync(join(packageRoot(), `proto/lockmgr/v1/${name}.proto`), "utf8"))
    .flatMap((text) => [...text.matchAll(/\b(GET|POST|DELETE) (\/v1\/[^\s?,(]+?)(?=[\s?,(]|\.\s)/g)])
    .map(([, verb, path]) => `${verb} ${path}`);
  const isNative = (path: string): boolean => /^\/v1\/(locks|leases|requests|elections|events|waits)\b/.test(path);
  const native = operations(document).filter(({ path }) => isNative(path));
  assert.equal(native.map(({ verb, path }) => `${verb} ${path}`).sort(), named.sort());
  const calls = [...Object.keys(LockServiceService), ...Object.keys(ElectionServiceService)];
  const ids = native.map(({ operation }) => operation.operationId).filter((id) => id !== "acquireSeveral");
  assert.equal(ids.sort(), calls.filter((name) => name !== "session").sort());
});

test("every example is a request that is understood, and is answered as the document says", async ({
  house,
  document,
}) => {
  for (const { verb, path, operation } of operations(document)) {
    const { parameters = [], requestBody, responses } = operation;
    if (path.startsWith("/v1/cluster") || "text/event-stream" in contentOf(responses[200])) continue;
    let target = path;
    const query = new URLSearchParams();
    for (const { name, in: place, required, example } of parameters) {
      if (place === "path") target = target.replace(`{${name}}`, encodeURIComponent(String(example)));
      assert.ok(example !== undefined || required !== true, `${verb} ${path} ${name}`);
      if (place === "query" && example !== undefined) query.set(name, String(example));
    }
    const before = house.letters.length;
    const body = requestBody?.content["application/json"].example;
    const told = await ask(house, `${verb} ${target}${query.size > 0 ? `?${query}` : ""}`, body);
    assert.ok(told.status !== 400 && String(told.status) in responses, `${verb} ${target}: ${told.text}`);
    if (path.startsWith("/v1/")) assert.ok(house.letters.length > before, path);
  }
});

const contentOf = (response: object | undefined): object =>
  (response as { readonly content?: object } | undefined)?.content ?? {};

test("references lead somewhere, and names of operations are unlike each other", ({ document }) => {
  const text = JSON.stringify(document);
  const { components } = document as unknown as { components: { schemas: Record<string, object> } };
  const referred = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name as string));
  assert.equal([...referred].sort(), Object.keys(components.schemas).sort());
  const ids = operations(document).map(({ operation }) => operation.operationId);
  assert.is(new Set(ids).size, ids.length);
});

test.run();
