// Calls of each kind, a million unless told, and what the process holds before and after: node --expose-gc memory.mjs [calls [kind]]
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { DBALClient, openSync, DBALError } = createRequire(join(process.cwd(), 'x.js'))('@metabuilder/dbal')
const calls = Number(process.argv[2] ?? 1_000_000)
const wanted = process.argv[3] ?? ''
const schema = [
  { entity: 'Box', fields: { id: { type: 'integer', primary: true }, note: { type: 'string' }, at: { type: 'datetime' }, doc: { type: 'json' } } },
  { entity: 'Item', fields: { id: { type: 'integer', primary: true }, box_id: { type: 'integer', foreign_key: { entity: 'Box', field: 'id' } } } },
]
const sync = openSync({ adapter: 'memory', schema })
const db = new DBALClient({ database: { url: 'sqlite::memory:' }, schema })
await db.migrate()
for (const client of [sync, db]) {
  await client.boxes.createMany(Array.from({ length: 100 }, (_, id) => ({ id, note: `box ☃ ${id}`, at: new Date(), doc: { a: [id] } })))
  await client.items.createMany(Array.from({ length: 300 }, (_, id) => ({ id, box_id: id % 100 })))
}
const failing = (work) => {
  try {
    work()
  } catch (error) {
    if (!(error instanceof DBALError)) throw error
  }
}
const kinds = {
  'sync read': (i) => sync.boxes.read(i % 100),
  'sync list of 5 with related rows': (i) => sync.boxes.list({ offset: i % 90, limit: 5, include: { items: true } }),
  'sync update': (i) => sync.boxes.update(i % 100, { note: `n${i}`, doc: { i } }),
  'sync create and delete': (i) => (sync.boxes.create({ id: 1000 + i, note: 'x' }), sync.boxes.delete(1000 + i)),
  'sync error': (i) => failing(() => sync.boxes.create({ id: i % 100, nothing: 1 })),
  'sync transaction': (i) => sync.transaction((tx) => tx.boxes.update(i % 100, { note: 't' })),
  'sync principal': (i) => failing(() => sync.asPrincipal({ user: { id: i, role: 'user' } }).boxes.read(1)),
  'promise read': (i) => db.boxes.read(i % 100),
  'promise list': (i) => db.boxes.findMany({ filter: { id: { $in: [i % 100, 3] } } }),
  'promise update': (i) => db.boxes.update(i % 100, { note: `n${i}` }),
  'promise error': (i) => db.boxes.read(-1 - i).catch(() => {}),
  'promise given up': (i) => {
    const abort = new AbortController()
    const read = db.boxes.read(i % 100, { signal: abort.signal }).catch(() => {})
    abort.abort()
    return read
  },
  'promise transaction': (i) => db.transaction((tx) => tx.boxes.read(i % 100)),
  'stream left halfway': async () => {
    for await (const _ of db.boxes.stream()) break
  },
}
const SLOW = { 'promise transaction': 10, 'stream left halfway': 50, 'sync transaction': 2 }
const held = async () => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return process.memoryUsage().rss / 1e6
}
const run = async (work, from, to) => {
  for (let i = from; i < to; i += 32) {
    const many = []
    for (let k = i; k < Math.min(i + 32, to); k++) many.push(work(k))
    await Promise.all(many)
    // Node lets go of native objects between turns of its loop, which a program takes as well.
    if (i % 1024 === 0) await new Promise(setImmediate)
  }
}
let grew = false
for (const [name, work] of Object.entries(kinds).filter(([name]) => name.includes(wanted))) {
  const count = Math.max(1000, Math.round(calls / (SLOW[name] ?? 1)))
  await run(work, 0, count / 2)
  const before = await held()
  await run(work, count / 2, count)
  const after = await held()
  const bad = after - before > 25
  grew ||= bad
  console.log(`${name}: ${count} calls, ${before.toFixed(0)} MB, then ${after.toFixed(0)} MB${bad ? '  GREW' : ''}`)
}
process.exit(grew ? 1 : 0)
