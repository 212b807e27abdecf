// What the messages of the interfaces are made of, read from the .proto files of the package when it is first asked for: the
// fields, their kinds, and the comments that specify them. JSON is read and written by it, and the OpenAPI document is made of
// it, so that neither can say anything else than the .proto files.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import protobuf from "protobufjs";
import { packageRoot } from "./reflection.ts";

export type Scalar = "string" | "bool" | "uint32" | "int32" | "int64" | "uint64" | "double";

/** What a field holds. */
export type Kind =
  | { readonly type: Scalar }
  | { readonly type: "message"; readonly of: MessageSchema }
  | { readonly type: "enum"; readonly of: EnumSchema };

export interface FieldSchema {
  /** As in the .proto file. */
  readonly name: string;
  /** As in the generated code, in lowerCamelCase. */
  readonly property: string;
  readonly kind: Kind;
  readonly isRepeated: boolean;
  /** Whether it can be absent: it is a message, or called optional. */
  readonly isOptional: boolean;
  /** The property of the choice to which it belongs; null if to none. */
  readonly oneof: string | null;
  readonly says: string;
}

export interface MessageSchema {
  /** With its package. */
  readonly name: string;
  readonly says: string;
  readonly fields: readonly FieldSchema[];
}

export interface EnumSchema {
  readonly name: string;
  readonly says: string;
  readonly values: readonly EnumValue[];
}

export interface EnumValue {
  readonly number: number;
  /** As in the .proto file. */
  readonly name: string;
  /** Without what all values of the enum begin with, in small letters. */
  readonly word: string;
  readonly says: string;
}

export interface Schemas {
  /** By full name. */
  readonly message: (name: string) => MessageSchema;
  /** What is said of a call, for instance of "lockmgr.v1.LockService/Acquire". */
  readonly call: (name: string) => string;
}

const protoFiles = [
  "lockmgr/v1/types.proto",
  "lockmgr/v1/lock.proto",
  "lockmgr/v1/election.proto",
  "lowkey/v1/lock.proto",
];

let loaded: Schemas | null = null;

/** The schemas of what is served over HTTP. */
export function schemas(): Schemas {
  loaded ??= load();
  return loaded;
}

function load(): Schemas {
  const root = new protobuf.Root();
  const folder = join(packageRoot(), "proto");
  for (const file of protoFiles) {
    protobuf.parse(readFileSync(join(folder, file), "utf8"), root, { keepCase: true, alternateCommentMode: true });
  }
  root.resolveAll();
  const messages = new Map<string, MessageSchema>();
  const enums = new Map<string, EnumSchema>();
  const kindOf = ({ type, resolvedType }: protobuf.Field): Kind => {
    if (resolvedType instanceof protobuf.Enum) return { type: "enum", of: enumOf(resolvedType) };
    if (resolvedType instanceof protobuf.Type) return { type: "message", of: messageOf(resolvedType) };
    return { type: type as Scalar };
  };
  const enumOf = (type: protobuf.Enum): EnumSchema => {
    const known = enums.get(nameOf(type));
    if (known !== undefined) return known;
    const made = readEnum(type);
    enums.set(made.name, made);
    return made;
  };
  const messageOf = (type: protobuf.Type): MessageSchema => {
    const known = messages.get(nameOf(type));
    if (known !== undefined) return known;
    const fields: FieldSchema[] = [];
    const made = { name: nameOf(type), says: said(type.comment), fields };
    messages.set(made.name, made);
    for (const field of type.fieldsArray) fields.push(readField(field, kindOf(field)));
    return made;
  };
  return {
    message: (name) => messageOf(root.lookupType(name)),
    call: (name) => {
      const [service = "", method = ""] = name.split("/");
      return said(root.lookupService(service).methods[method]?.comment ?? null);
    },
  };
}

function readField(field: protobuf.Field, kind: Kind): FieldSchema {
  const isOptional = field.options?.proto3_optional === true;
  return {
    name: field.name,
    property: camelCase(field.name),
    kind,
    isRepeated: field.repeated,
    isOptional: isOptional || (kind.type === "message" && !field.repeated),
    oneof: isOptional || field.partOf === null ? null : camelCase(field.partOf.name),
    says: said(field.comment),
  };
}

function readEnum(type: protobuf.Enum): EnumSchema {
  const prefix = `${type.name.replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}_`;
  return {
    name: nameOf(type),
    says: said(type.comment),
    values: Object.entries(type.values).map(([name, number]) => ({
      number,
      name,
      word: (name.startsWith(prefix) ? name.slice(prefix.length) : name).toLowerCase(),
      says: said(type.comments[name] ?? null),
    })),
  };
}

const nameOf = ({ fullName }: protobuf.ReflectionObject): string => fullName.replace(/^\./, "");
const said = (comment: string | null): string => (comment ?? "").replace(/\s*\n\s*/g, " ").trim();
const camelCase = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase());
