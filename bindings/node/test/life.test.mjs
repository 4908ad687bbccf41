// How clients live: transactions, streams, signals, worker threads, the end of the process.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { openSync, DBALClient, DBALError } from '../index.mjs'

const folder = mkdtempSync(join(tmpdir(), 'dbal-node-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const entry = new URL('../index.mjs', import.meta.url).href
const run = promisify(execFile)

const schema = [
  { entity: 'Box', fields: { id: { type: 'integer', primary: true }, note: { type: 'string' } } },
  { entity: 'Item', fields: { id: { type: 'integer', primary: true }, box_id: { type: 'integer', foreign_key: { entity: 'Box', field: 'id' } } } },
]
let files = 0
const config = () => ({ database: { url: `file:${join(folder, `${files++}.db`)}` }, schema })

async function opened() {
  const db = new DBALClient(config())
  await db.migrate()
  return db
}

test('a transaction commits what it resolves to and undoes what it rejects with', async () => {
  const db = await opened()
  assert.equal(await db.transaction(async (tx) => (await tx.boxes.create({ id: 1 })).id), 1)
  const mine = new Error('mine')
  await assert.rejects(db.transaction(async (tx) => {
    await tx.boxes.create({ id: 2 })
    await tx.transaction(async (inner) => inner.boxes.create({ id: 3 }))
    await tx.transaction(async (inner) => { await inner.boxes.create({ id: 4 }); throw mine }).catch(() => {})
    assert.equal(await tx.boxes.count(), 3)
    throw mine
  }), mine)
  assert.equal(await db.newest().boxes.count(), 1)
})

test('a transaction waits for what nobody awaited, and is of no use afterwards', async () => {
  const db = await opened()
  let kept
  await db.transaction(async (tx) => {
    kept = tx
    for (let id = 0; id < 50; id++) tx.boxes.create({ id })
  })
  assert.equal(await db.boxes.count(), 50)
  await assert.rejects(kept.boxes.count(), { code: 'CONFLICT', reason: 'aborted' })
})

test('a synchronous transaction is the same, and refuses an async function', () => {
  const db = openSync(config())
  db.migrate()
  let kept
  assert.equal(db.transaction((tx) => { kept = tx; return tx.boxes.create({ id: 1 }).id }), 1)
  assert.throws(() => kept.boxes.count(), { code: 'CONFLICT', reason: 'aborted' })
  assert.throws(() => db.transaction((tx) => { tx.boxes.create({ id: 2 }); throw new TypeError('mine') }), TypeError)
  assert.throws(() => db.transaction(async (tx) => tx.boxes.create({ id: 3 })), /not async/)
  assert.equal(db.transaction((tx) => tx.transaction((inner) => inner.boxes.create({ id: 4 }).id)), 4)
  assert.deepEqual(db.newest().boxes.findMany().map((box) => box.id), [1, 4])
  // The number of one that is over is not that of the next.
  db.transaction(() => assert.throws(() => kept.boxes.count(), { code: 'CONFLICT', reason: 'aborted' }))
})

test('streams give every row in order, and stop when nobody takes more', async () => {
  const db = await opened()
  await db.boxes.createMany(Array.from({ length: 3000 }, (_, id) => ({ id, note: `n${id}` })))
  let next = 0
  for await (const box of db.boxes.stream({ sort: { id: 'asc' } })) assert.equal(box.id, next++)
  assert.equal(next, 3000)
  for await (const box of db.boxes.stream()) if (box.id === 700) break
  const sync = openSync({ database: { url: `file:${join(folder, `${files - 1}.db`)}` }, schema })
  assert.equal([...sync.boxes.stream({ filter: { id: { $gte: 1000 } } })].length, 2000)
  await assert.rejects(db.boxes.stream({ page: 1 }).next(), { code: 'VALIDATION_ERROR' })
  // No reader is held: more streams than readers, all left halfway.
  for (let i = 0; i < 20; i++) for await (const box of db.boxes.stream()) break
  assert.equal(await db.boxes.count(), 3000)
})

test('large answers come whole', async () => {
  const db = await opened()
  const note = 'é'.repeat(200)
  const returned = await db.boxes.createMany(Array.from({ length: 5000 }, (_, id) => ({ id, note })))
  assert.equal(returned.length, 5000)
  const rows = await db.boxes.findMany({ sort: { id: 'asc' } })
  assert.ok(rows.every((row, id) => row.id === id && row.note === note))
  await db.items.createMany(Array.from({ length: 20_000 }, (_, id) => ({ id, box_id: id % 2 })))
  const [box] = await db.boxes.findMany({ limit: 1, include: { items: true } })
  assert.equal(box.items.length, 10_000)
})

test('many requests in flight are answered each with its own', async () => {
  const db = await opened()
  await db.boxes.createMany(Array.from({ length: 500 }, (_, id) => ({ id, note: String(id) })))
  const rows = await Promise.all(Array.from({ length: 2000 }, (_, i) => db.boxes.read(i % 500)))
  assert.ok(rows.every((row, i) => row.note === String(i % 500)))
})

test('a signal ends the waiting, a timeout the request', async () => {
  const db = await opened()
  const abort = new AbortController()
  const waits = db.transaction(async (tx) => {
    // The writer is taken: what else writes has to wait.
    const late = db.boxes.create({ id: 9 }, { signal: abort.signal })
    abort.abort(new Error('enough'))
    await assert.rejects(late, /enough/)
    await assert.rejects(db.boxes.create({ id: 8 }, { timeout: 30 }), { code: 'TIMEOUT', outcome: 'not_applied' })
    await tx.boxes.create({ id: 1 })
  })
  await waits
  assert.equal((await db.boxes.findMany({ filter: { id: 8 } })).length, 0)
})

test('clients live side by side, hundreds are opened in seconds, and a closed one says so', async () => {
  const began = Date.now()
  const all = Array.from({ length: 200 }, () => openSync({ adapter: 'memory', schema }))
  assert.ok(Date.now() - began < 20_000)
  all.forEach((db, i) => db.boxes.create({ id: i }))
  assert.ok(all.every((db, i) => db.boxes.first().id === i))
  const [db] = all
  db.close()
  assert.throws(() => db.boxes.count(), DBALError)
})

test('entities are reached by plural and by name, and an unknown name is refused', () => {
  const db = openSync({ adapter: 'memory', schema })
  assert.equal(db.entity('Box').count(), db.boxes.count())
  assert.throws(() => db.entity('Bocks').count(), /unknown entity/)
  assert.equal(db.bocks, undefined)
})

test('reset asks for confirmation and leaves empty tables', async () => {
  const db = await opened()
  await db.boxes.create({ id: 1 })
  await db.items.create({ id: 1, box_id: 1 })
  await assert.rejects(db.reset(), { code: 'VALIDATION_ERROR' })
  await db.reset({ confirm: true })
  assert.equal((await db.boxes.count()) + (await db.items.count()), 0)
})

test('the process ends by itself when nothing is in flight, and not before', async () => {
  const program = `
    import { DBALClient } from ${JSON.stringify(entry)}
    const db = new DBALClient(${JSON.stringify(config())})
    await db.migrate()
    db.boxes.create({ id: 1 }).then((box) => console.log('made', box.id))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 })
  assert.equal(stdout, 'made 1\n')
})

test('worker threads have their own clients, and may be ended in the middle', async () => {
  const shared = config()
  const db = new DBALClient(shared)
  await db.migrate()
  const program = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.entry).then(async ({ DBALClient }) => {
      const db = new DBALClient(workerData.config)
      for (let i = 0; i < 20; i++) await db.boxes.create({ id: workerData.first + i })
      parentPort.postMessage(await db.boxes.count())
      for (;;) await Promise.all(Array.from({ length: 20 }, () => db.boxes.findMany()))
    })`
  const start = (first) => new Worker(program, { eval: true, workerData: { entry, config: shared, first } })
  const workers = [0, 100, 200].map(start)
  await Promise.all(workers.map((worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))))
  for (let i = 0; i < 50; i++) await db.boxes.first()
  await Promise.all(workers.map((worker) => worker.terminate()))
  assert.equal(await db.boxes.count(), 60)
})
