// An API server as far as helm needs one to install and upgrade: it knows what kinds there are and keeps what it is given. It
// checks nothing; what is rendered is checked elsewhere, by the code of a real one.

import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import protobuf from "protobufjs";

export interface ApiServer {
  readonly url: string;
  /** What has been given to it, by path. */
  readonly objects: ReadonlyMap<string, Stored>;
  readonly close: () => void;
}

export interface Stored {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
}

const kinds: Readonly<Record<string, readonly (readonly [kind: string, plural: string])[]>> = {
  v1: [
    ["Namespace", "namespaces"],
    ["Secret", "secrets"],
    ["ConfigMap", "configmaps"],
    ["Service", "services"],
    ["ServiceAccount", "serviceaccounts"],
    ["Pod", "pods"],
  ],
  "apps/v1": [["StatefulSet", "statefulsets"]],
  "policy/v1": [["PodDisruptionBudget", "poddisruptionbudgets"]],
  "networking.k8s.io/v1": [["NetworkPolicy", "networkpolicies"]],
  "networking.istio.io/v1": [
    ["Gateway", "gateways"],
    ["VirtualService", "virtualservices"],
    ["DestinationRule", "destinationrules"],
  ],
  "security.istio.io/v1": [["PeerAuthentication", "peerauthentications"]],
};

const pathOf = (groupVersion: string): string =>
  groupVersion.includes("/") ? `/apis/${groupVersion}` : `/api/${groupVersion}`;

const groups = Object.keys(kinds)
  .filter((groupVersion) => groupVersion.includes("/"))
  .map((groupVersion) => {
    const [name, version] = groupVersion.split("/");
    return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } };
  });

/** What it says of itself. */
const discovery: Readonly<Record<string, object>> = {
  "/version": { major: "1", minor: "31", gitVersion: "v1.31.0" },
  "/api": { kind: "APIVersions", versions: ["v1"] },
  "/apis": { kind: "APIGroupList", apiVersion: "v1", groups },
  ...Object.fromEntries(
    Object.entries(kinds).map(([groupVersion, list]) => [
      pathOf(groupVersion),
      {
        kind: "APIResourceList",
        groupVersion,
        resources: list.map(([kind, name]) => ({ name, kind, namespaced: kind !== "Namespace", verbs: ["get"] })),
      },
    ]),
  ),
};

export async function startApiServer(): Promise<ApiServer> {
  const objects = new Map<string, Stored>();
  const server: Server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const body = await readAll(request);
    // An empty document: it has no schema to hold anything against.
    if (pathname === "/openapi/v2") return void response.end();
    const [status, answer] = reply({ method: request.method ?? "GET", pathname, searchParams, body });
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });

  function reply(asked: {
    readonly method: string;
    readonly pathname: string;
    readonly searchParams: URLSearchParams;
    readonly body: Buffer;
  }): readonly [number, object] {
    const { method, pathname, searchParams, body } = asked;
    const known = discovery[pathname];
    if (known !== undefined) return [200, known];
    const collection = /\/[a-z]+$/.exec(pathname)?.[0].slice(1) ?? "";
    const [listKind] =
      Object.values(kinds).flatMap((list) => list.filter(([, plural]) => plural === collection))[0] ?? [];
    if (method === "POST") {
      const object = objectIn(body) as Stored;
      objects.set(`${pathname}/${object.metadata.name}`, object);
      return [201, object];
    }
    if (listKind !== undefined)
      return [200, { kind: `${listKind}List`, apiVersion: "v1", items: listed(pathname, searchParams) }];
    const object = objects.get(pathname);
    if (object === undefined) return [404, { kind: "Status", status: "Failure", reason: "NotFound", code: 404 }];
    if (method === "DELETE") objects.delete(pathname);
    if (method === "PUT" || method === "PATCH") objects.set(pathname, merged(object, objectIn(body)) as Stored);
    return [200, objects.get(pathname) ?? object];
  }

  /** What stands under a path and has the labels that are asked for. */
  function listed(pathname: string, searchParams: URLSearchParams): readonly Stored[] {
    const wanted = (searchParams.get("labelSelector") ?? "").split(",").filter((term) => term !== "");
    const labelsOf = ({ metadata }: Stored) => (metadata as { readonly labels?: Record<string, string> }).labels ?? {};
    return [...objects]
      .filter(([path]) => path.startsWith(`${pathname}/`))
      .map(([, object]) => object)
      .filter((object) => wanted.every((term) => labelsOf(object)[term.split("=")[0] ?? ""] === term.split("=")[1]));
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** What helm keeps its releases in comes in protobuf: of that, the fields that it sets. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Envelope { bytes raw = 2; }
  message Metadata { string name = 1; string namespace = 3; map<string, string> labels = 11; }
  message Secret { Metadata metadata = 1; map<string, bytes> data = 2; string type = 3; }
`);
const envelopeMark = "k8s\0";

function objectIn(body: Buffer): unknown {
  if (body.subarray(0, envelopeMark.length).toString("latin1") !== envelopeMark)
    return JSON.parse(body.toString("utf8"));
  const { raw } = root.lookupType("Envelope").decode(body.subarray(envelopeMark.length)) as unknown as { raw: Buffer };
  const Secret = root.lookupType("Secret");
  return { apiVersion: "v1", kind: "Secret", ...Secret.toObject(Secret.decode(raw), { bytes: String }) };
}

/** A merge patch; lists are replaced as a whole. */
function merged(before: unknown, patch: unknown): unknown {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject(before) || !isObject(patch)) return patch;
  const result: Record<string, unknown> = { ...before };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
}
