// Run in a folder where the package is installed: it opens a database, migrates, writes and reads.
import { DBALClient, openSync, DBALError } from '@metabuilder/dbal'
import { createRequire } from 'node:module'
import assert from 'node:assert/strict'

const both = createRequire(import.meta.url)('@metabuilder/dbal')
assert.equal(both.DBALClient, DBALClient, 'ESM and CommonJS share one class')
assert.equal(both.DBALError, DBALError)
const schema = { entity: 'Note', fields: { id: { type: 'uuid', primary: true, generated: true }, text: { type: 'string' } } }
const db = new DBALClient({ database: { url: 'file:./esm.db' }, schema })
await db.migrate()
const note = await db.notes.create({ text: 'from ESM' })
assert.equal((await db.notes.read(note.id)).text, 'from ESM')
assert.equal(openSync({ database: { url: 'file:./esm.db' }, schema }).notes.count(), await db.notes.count())
console.log('esm: ok')
