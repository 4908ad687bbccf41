// Compiled, never run: what `dbal generate ts` marks as missing on some target is not there to be used.
import { DBALClient } from '@metabuilder/dbal'
import type { Json, Increment } from '@metabuilder/dbal'

interface Blob {
  id: number
  raw: Uint8Array
  meta: Json | null
  size: number
}
interface BlobModel<L extends string> {
  handle: 'blobs'
  row: Blob
  create: { id: number; raw: Uint8Array; meta?: Json | null; size: number }
  update: { raw?: Uint8Array; size?: number | Increment<number> }
  key: number | { id: number }
  lacks: L
  relations: {}
}
interface Everywhere {
  Blob: BlobModel<'ordered_bytes' | 'nested_transactions'>
}
interface Least {
  Blob: BlobModel<'full_text_search' | 'json_queries'>
}

const bytes = new Uint8Array([1])
const db = new DBALClient<Everywhere>({ database: { url: 'mongodb://localhost/x' }, schema: './api/schema' })

export async function everywhere() {
  await db.blobs.list({ filter: { raw: bytes, size: { $gt: 3 }, 'meta.a': 1, $search: 'x' }, sort: { size: 'asc' } })
  await db.blobs.count({ filter: { raw: { $in: [bytes], $not: { $eq: bytes } }, meta: { $path: ['a'], $exists: true } } })
  await db.transaction(async (tx) => tx.blobs.read(1))
  // @ts-expect-error bytes have no order everywhere
  await db.blobs.list({ filter: { raw: { $gt: bytes } } })
  // @ts-expect-error nor can rows be sorted by them
  await db.blobs.list({ sort: { raw: 'asc' } })
  // @ts-expect-error no transaction inside another
  await db.transaction(async (tx) => tx.transaction(async () => 1))
}

const least = new DBALClient<Least>({ database: { url: 'file:./x.db' }, schema: './api/schema' })

export async function fewer() {
  await least.blobs.list({ filter: { raw: { $gt: bytes }, meta: { $exists: true } }, sort: { raw: 'asc' } })
  await least.transaction(async (tx) => tx.transaction(async (inner) => inner.blobs.count()))
  // @ts-expect-error no search
  await least.blobs.list({ filter: { $search: 'x' } })
  // @ts-expect-error nothing inside of json
  await least.blobs.list({ filter: { 'meta.a': 1 } })
  // @ts-expect-error nor by a path
  await least.blobs.list({ filter: { meta: { $path: ['a'], $exists: true } } })
}
