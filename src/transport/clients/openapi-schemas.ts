// Messages as schemas of OpenAPI 3.1, made of the .proto files. Whatever is refused in a request is not allowed by its schema,
// and whatever a response always has is required by its.

import type { EnumSchema, FieldSchema, Kind, MessageSchema } from "./native-http-schema.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** The schemas to which others refer, by name; `refer` adds what is not there yet. */
export interface Components {
  readonly refer: (to: MessageSchema | EnumSchema) => JsonSchema;
  readonly add: (name: string, schema: JsonSchema) => JsonSchema;
  readonly all: () => Readonly<Record<string, JsonSchema>>;
}

export function newComponents(): Components {
  const made = new Map<string, JsonSchema>();
  const components: Components = {
    refer: (to) => {
      const name = componentName(to.name);
      if (!made.has(name)) {
        // Before it is made, so that a message may contain itself.
        made.set(name, {});
        made.set(name, "fields" in to ? messageSchema(to, components) : enumSchema(to));
      }
      return reference(name);
    },
    add: (name, schema) => {
      made.set(name, schema);
      return reference(name);
    },
    all: () => Object.fromEntries([...made].sort(([one], [other]) => (one < other ? -1 : 1))),
  };
  return components;
}

const reference = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

/** Messages of the older interface have names of their own. */
const componentName = (full: string): string => full.replace(/^lockmgr\.v1\./, "").replace(/^lowkey\.v1\./, "Leased");

/** What an inner message of a request must have; every other message is a part of responses, and has all that it can. */
const requiredInside: Readonly<Record<string, readonly string[]>> = { "lockmgr.v1.Demand": ["lock"] };

function messageSchema({ name, says, fields }: MessageSchema, components: Components): JsonSchema {
  const always = fields.filter(({ isOptional, oneof }) => !isOptional && oneof === null).map((field) => field.name);
  return object(fields, components, { says, required: requiredInside[name] ?? always });
}

/** An object of these fields. */
export function object(
  fields: readonly FieldSchema[],
  components: Components,
  { says, required }: { readonly says: string; readonly required: readonly string[] },
): JsonSchema {
  return {
    type: "object",
    ...(says === "" ? {} : { description: inWordsOfJson(says) }),
    properties: Object.fromEntries(fields.map((field) => [field.name, fieldSchema(field, components)])),
    ...(required.length === 0 ? {} : { required }),
  };
}

/** An object as a request has it: of each choice one, and nothing that is not known. */
export function requestObject(
  fields: readonly FieldSchema[],
  components: Components,
  about: { readonly says: string; readonly required: readonly string[] },
): JsonSchema {
  const choices = new Set(fields.flatMap(({ oneof }) => (oneof === null ? [] : [oneof])));
  const allOf = [...choices].map((choice) => ({
    oneOf: fields.filter(({ oneof }) => oneof === choice).map(({ name }) => ({ required: [name] })),
  }));
  return {
    ...object(fields, components, about),
    ...(allOf.length === 0 ? {} : { allOf }),
    additionalProperties: false,
  };
}

/** A field, with what is said of it. */
export function fieldSchema({ kind, isRepeated, says }: FieldSchema, components: Components): JsonSchema {
  const schema = kindSchema(kind, components);
  const description = says === "" ? {} : { description: inWordsOfJson(says) };
  return isRepeated ? { type: "array", items: schema, ...description } : { ...schema, ...description };
}

function kindSchema(kind: Kind, components: Components): JsonSchema {
  switch (kind.type) {
    case "message":
    case "enum":
      return components.refer(kind.of);
    case "string":
      return { type: "string" };
    case "bool":
      return { type: "boolean" };
    case "double":
      return { type: "number" };
    case "int32":
      return { type: "integer", format: "int32" };
    case "uint32":
      return { type: "integer", minimum: 0, maximum: 2 ** 32 - 1 };
    case "int64":
      return { type: "integer", format: "int64" };
    case "uint64":
      return { type: "integer", format: "int64", minimum: 0 };
  }
}

function enumSchema({ says, values }: EnumSchema): JsonSchema {
  const meanings = values.map(({ word, says: meaning }) => `- \`${word}\`: ${inWordsOfJson(meaning)}`);
  return {
    type: "string",
    description: [says, "", ...meanings].join("\n"),
    enum: values.map(({ word }) => word),
  };
}

/** What a comment says, with values of enums as JSON has them, and what it leaves to another comment. */
const inWordsOfJson = (says: string): string =>
  says
    .replace(/\b(?:MODE|ENDING|EVENT_KIND|WAIT_END)_([A-Z_]+)\b/g, (_name, word: string) => `\`${word.toLowerCase()}\``)
    .replace(
      /^See LockService\./,
      "1 to 128 bytes that the client chooses, others for each of its requests: a repeat under the same id is done once.",
    );
