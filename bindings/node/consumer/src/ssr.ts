// Built by `vite build --ssr`, then run.
import { openSync } from '@metabuilder/dbal'

const db = openSync({ adapter: 'memory', schema: { entity: 'Note', fields: { id: { type: 'integer', primary: true } } } })
db.notes.create({ id: 1 })
console.log('vite: ok', db.notes.count())
