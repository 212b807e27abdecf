// Where a request over HTTP goes, and what its address gives: the path is taken apart before it is decoded, so that a name may
// contain anything, slashes and colons included. The custom verb is what stands behind the last colon of the last segment, if
// a route has that verb; a name that ends like one has its colon percent-encoded.

import type { NativeRoute } from "./native-http-routes.ts";

/** A route, and the parameters of its path, decoded. */
export interface Matched {
  readonly route: NativeRoute;
  readonly parameters: Readonly<Record<string, string>>;
}

/** A sentence about what is wrong with an address. */
export interface Misaddressed {
  readonly problem: string;
}

/** What of a route's path stands between slashes, and its custom verb, with its colon. */
interface Shape {
  readonly segments: readonly string[];
  readonly customVerb: string;
}

function shapeOf(path: string): Shape {
  const customVerb = /:\w+$/.exec(path)?.[0] ?? "";
  return { segments: path.slice(0, path.length - customVerb.length).split("/"), customVerb };
}

const parameterOf = (segment: string): string | null => /^\{(\w+)\}$/.exec(segment)?.[1] ?? null;

/** The path under which the server knows a route: as it is, or everything below what comes before its first parameter. */
export function serverPath({ path }: NativeRoute): string {
  const start = path.indexOf("{");
  return start === -1 ? path.replaceAll(":", "::") : `${path.slice(0, start)}*`;
}

/** Finds the route of `routes` to which a path leads; those with a custom verb come first. Null if none. */
export function matcher(routes: readonly NativeRoute[]): (path: string) => Matched | Misaddressed | null {
  const shaped = routes.map((route) => ({ route, ...shapeOf(route.path) }));
  const inOrder = [...shaped.filter(({ customVerb }) => customVerb), ...shaped.filter(({ customVerb }) => !customVerb)];
  return (path) => {
    for (const { route, segments, customVerb } of inOrder) {
      if (!path.endsWith(customVerb)) continue;
      const raw = fit(segments, path.slice(0, path.length - customVerb.length).split("/"));
      if (raw !== null) return decoded(route, raw);
    }
    return null;
  };
}

function decoded(route: NativeRoute, raw: Readonly<Record<string, string>>): Matched | Misaddressed {
  const parameters: Record<string, string> = {};
  for (const [name, text] of Object.entries(raw)) {
    const value = decode(text);
    if (value === null) return { problem: `${name} in the path is not percent-encoded UTF-8` };
    parameters[name] = value;
  }
  return { route, parameters };
}

function fit(segments: readonly string[], given: readonly string[]): Record<string, string> | null {
  if (segments.length !== given.length) return null;
  const parameters: Record<string, string> = {};
  for (const [place, segment] of segments.entries()) {
    const name = parameterOf(segment);
    const text = given[place] ?? "";
    if (name !== null) parameters[name] = text;
    else if (segment !== text) return null;
  }
  return parameters;
}

/** What a query gives, by name; a sentence if it cannot be read. */
export function readQuery(query: string): Readonly<Record<string, string>> | string {
  const given: Record<string, string> = Object.create(null);
  for (const part of query.split("&")) {
    if (part === "") continue;
    const [name, value] = [
      part.split("=", 1)[0] ?? "",
      part.includes("=") ? part.slice(part.indexOf("=") + 1) : "",
    ].map((text) => decode(text.replaceAll("+", " ")));
    if (name == null || value == null) return "the query is not percent-encoded UTF-8";
    if (name in given) return `${JSON.stringify(name.slice(0, 100))} is given twice in the query`;
    given[name] = value;
  }
  return given;
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
