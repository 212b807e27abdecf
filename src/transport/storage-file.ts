// A look at LMDB's file before LMDB does: it crashes the process, without a word, on a file that is not its own or that ends
// too early. The layout is that of lmdb's mdb.c (MDB_page, MDB_meta): pages 0 and 1 are meta pages, and the one of the later
// transaction counts.

import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";
import { MalformedError } from "./codec-wire.ts";

const magic = 0xbeefc0de;
const offsets = { magic: 24, pageSize: 48, lastPage: 144, transaction: 152 } as const;
const metaBytes = 160;
const pageSizes = { min: 512, max: 65_536 } as const;

interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: number;
}

/**
 * Throws a `MalformedError` if the file is not LMDB's. One that is shorter than its contents is filled up with zeros, which
 * LMDB does itself as it grows: it may leave out pages at the end that are free, and if they are not, they are found to be
 * damaged when they are read.
 */
export function prepareDatabaseFile(path: string): void {
  if (!existsSync(path)) return;
  const file = openSync(path, "r+");
  try {
    const { size } = fstatSync(file);
    // LMDB writes both meta pages first of all.
    if (size === 0) return;
    const first = readMeta(file, 0);
    const second = readMeta(file, first.pageSize);
    const { pageSize, lastPage } = second.transaction > first.transaction ? second : first;
    const needed = (lastPage + 1) * pageSize;
    if (size < needed) ftruncateSync(file, needed);
  } finally {
    closeSync(file);
  }
}

function readMeta(file: number, position: number): Meta {
  const bytes = Buffer.alloc(metaBytes);
  const isWhole = readSync(file, bytes, 0, metaBytes, position) === metaBytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, metaBytes);
  const isLittle = endianness() === "LE";
  const meta = {
    pageSize: view.getUint32(offsets.pageSize, isLittle),
    lastPage: Number(view.getBigUint64(offsets.lastPage, isLittle)),
    transaction: Number(view.getBigUint64(offsets.transaction, isLittle)),
  };
  const isOurs =
    isWhole &&
    view.getUint32(offsets.magic, isLittle) === magic &&
    meta.pageSize >= pageSizes.min &&
    meta.pageSize <= pageSizes.max &&
    Number.isSafeInteger((meta.lastPage + 1) * meta.pageSize);
  if (!isOurs) throw new MalformedError(`the file's page at ${position} is not one of a database`);
  return meta;
}
