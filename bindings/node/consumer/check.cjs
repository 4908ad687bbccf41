const { openSync, DBALClient } = require('@metabuilder/dbal')
const { Worker, isMainThread } = require('node:worker_threads')
const schema = { entity: 'Note', fields: { id: { type: 'integer', primary: true } } }

if (isMainThread) {
  const db = openSync({ database: { url: 'file:./cjs.db' }, schema })
  db.migrate()
  db.notes.deleteMany({ all: true })
  db.notes.create({ id: 1 })
  const worker = new Worker(__filename)
  worker.on('exit', (code) => {
    if (code !== 0 || db.notes.count() !== 2) throw new Error(`the worker ended with ${code}, ${db.notes.count()} notes`)
    console.log('cjs and worker: ok')
  })
} else {
  const db = new DBALClient({ database: { url: 'file:./cjs.db' }, schema })
  db.notes.create({ id: 2 })
}
