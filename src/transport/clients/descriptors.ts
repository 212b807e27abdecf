// Descriptors as a compiler would have made them, which strict readers insist on. The loader names types relative to where
// they are used, leaves out the JSON names of fields and which are optional, and calls the entries of maps otherwise.

import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type DescriptorProto, type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { PackageDefinition } from "@grpc/proto-loader";

/** The same definitions, with descriptors as a compiler would have made them. */
export function asCompiled(definitions: PackageDefinition): PackageDefinition {
  const files = new Map<Buffer, FileDescriptorProto>();
  for (const { fileDescriptorProtos } of Object.values(definitions) as { fileDescriptorProtos?: Buffer[] }[]) {
    for (const bytes of fileDescriptorProtos ?? []) files.set(bytes, fromBinary(FileDescriptorProtoSchema, bytes));
  }
  for (const { messageType } of files.values()) for (const message of messageType) nameMapEntries(message);
  const known = new Set([...files.values()].flatMap(typeNames));
  const mended = new Map([...files].map(([bytes, file]) => [bytes, mend(file, known)]));
  return Object.fromEntries(
    Object.entries(definitions).map(([name, definition]) => {
      const { fileDescriptorProtos } = definition as { fileDescriptorProtos?: Buffer[] };
      if (fileDescriptorProtos === undefined) return [name, definition];
      return [name, { ...definition, fileDescriptorProtos: fileDescriptorProtos.map((bytes) => mended.get(bytes)) }];
    }),
  ) as PackageDefinition;
}

/** The full names, with the leading dot, of all types of a file. */
function typeNames({ package: scope, messageType, enumType }: FileDescriptorProto): string[] {
  const inMessage = (above: string, { name, nestedType, enumType: enums }: DescriptorProto): string[] => [
    `${above}.${name}`,
    ...enums.map((type) => `${above}.${name}.${type.name}`),
    ...nestedType.flatMap((type) => inMessage(`${above}.${name}`, type)),
  ];
  const root = scope === "" ? "" : `.${scope}`;
  return [...enumType.map(({ name }) => `${root}.${name}`), ...messageType.flatMap((type) => inMessage(root, type))];
}

function mend(file: FileDescriptorProto, known: ReadonlySet<string>): Buffer {
  const absolute = (name: string, scope: string): string => {
    if (name === "" || name.startsWith(".")) return name;
    // From the innermost scope outwards, as a compiler would.
    for (let within = scope; ; within = within.slice(0, within.lastIndexOf("."))) {
      if (known.has(`${within}.${name}`)) return `${within}.${name}`;
      if (within === "") return `.${name}`;
    }
  };
  const mendMessage = (message: DescriptorProto, above: string): void => {
    const scope = `${above}.${message.name}`;
    for (const field of message.field) {
      field.typeName = absolute(field.typeName, scope);
      field.jsonName = camelCase(field.name);
      if (field.oneofIndex !== undefined && message.oneofDecl[field.oneofIndex]?.name === `_${field.name}`)
        field.proto3Optional = true;
    }
    for (const nested of message.nestedType) mendMessage(nested, scope);
  };
  const root = file.package === "" ? "" : `.${file.package}`;
  for (const message of file.messageType) mendMessage(message, root);
  for (const { method } of file.service) {
    for (const rpc of method) {
      rpc.inputType = absolute(rpc.inputType, root);
      rpc.outputType = absolute(rpc.outputType, root);
    }
  }
  return Buffer.from(toBinary(FileDescriptorProtoSchema, file));
}

/** The type of a map's entries is named after its field. */
function nameMapEntries(message: DescriptorProto): void {
  for (const nested of message.nestedType) {
    nameMapEntries(nested);
    if (nested.options?.mapEntry !== true) continue;
    const field = message.field.find(({ typeName }) => typeName === nested.name);
    if (field === undefined) continue;
    const name = camelCase(field.name);
    nested.name = `${name.charAt(0).toUpperCase()}${name.slice(1)}Entry`;
    field.typeName = nested.name;
  }
}

const camelCase = (name: string): string => name.replace(/_+([^_])/g, (_all, letter: string) => letter.toUpperCase());
