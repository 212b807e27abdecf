// A request over HTTP as a message of `lockmgr.v1`: what its path names, and what its query (GET, DELETE) or its body (POST)
// gives, read by the schema of the call.

import { readObject } from "./json.ts";
import { isUnreadable, type Message, readMessage, type Unreadable } from "./native-http-json.ts";
import { type Matched, readQuery } from "./native-http-path.ts";
import type { NativeRoute } from "./native-http-routes.ts";
import { type FieldSchema, type MessageSchema, schemas } from "./native-http-schema.ts";

const demandMessage = "lockmgr.v1.Demand";

/** The request of a route as a client writes it: of a single lock, what the demand says of it stands beside the rest. */
export function requestSchema({ call, single }: NativeRoute): MessageSchema {
  const schema = schemas().message(`${call.replace(/\.\w+\//, ".")}Request`);
  if (!single) return schema;
  const fields = schema.fields.filter(({ name }) => name !== "demands");
  return { ...schema, fields: [...schemas().message(demandMessage).fields, ...fields] };
}

export const responseSchema = ({ call }: NativeRoute): MessageSchema =>
  schemas().message(`${call.replace(/\.\w+\//, ".")}Response`);

/** The fields that stand in the path, by the names of the parameters, and the others. */
export function requestFields(route: NativeRoute): {
  readonly inPath: ReadonlyMap<string, FieldSchema>;
  readonly others: readonly FieldSchema[];
} {
  const { fields } = requestSchema(route);
  const named = Object.values(route.named);
  const parameters = Object.entries(route.named).flatMap(([parameter, name]) =>
    fields.filter((field) => field.name === name).map((field) => [parameter, field] as const),
  );
  return {
    inPath: new Map(parameters),
    others: fields.filter(({ name }) => !named.includes(name)),
  };
}

/** Reads requests of a route. */
export function requestReader(
  route: NativeRoute,
): (parameters: Matched["parameters"], query: string, body: Uint8Array) => Message | Unreadable {
  const schema = requestSchema(route);
  return (parameters, query, body) => {
    const given = readGiven(route, query, body);
    if (typeof given === "string") return { problem: given };
    const named: Record<string, string> = {};
    for (const [parameter, field] of Object.entries(route.named)) {
      if (field === null) continue;
      if (field in given) return { problem: `${field} stands in the path, and nowhere else` };
      named[field] = parameters[parameter] ?? "";
    }
    const message = readMessage({ ...named, ...given }, schema);
    return isUnreadable(message) || !route.single ? message : asSeveral(message);
  };
}

/** What stands in the body or the query, whichever it is that this route reads; a sentence if that cannot be read. */
function readGiven({ verb }: NativeRoute, query: string, body: Uint8Array): object | string {
  const inQuery = readQuery(query);
  if (typeof inQuery === "string") return inQuery;
  const inBody = readObject(body);
  if (typeof inBody === "string") return inBody;
  const [read, other, place] = verb === "POST" ? [inBody, inQuery, "body"] : [inQuery, inBody, "query"];
  const [stray] = Object.keys(other);
  return stray === undefined ? read : `${JSON.stringify(stray.slice(0, 100))} must stand in the ${place}`;
}

/** A request for one lock as one for several. */
function asSeveral({ lock, mode, permits, limit, ...others }: Message): Message {
  return { demands: [{ lock, mode, permits, limit }], ...others };
}
