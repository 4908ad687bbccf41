// Compiled and run: the types that `dbal generate ts` wrote, on the reference contract.
import { DBALClient, DBALError } from '@metabuilder/dbal'
import type { Schema } from './schema.js'

const dbal = new DBALClient<Schema>({ database: { url: 'file:./ts.db' }, schema: process.argv[2]!, naming: 'camelCase' })
await dbal.migrate()
await dbal.users.deleteMany({ all: true })
const ada = await dbal.users.create({ username: 'ada', email: 'ada@example.org', role: 'admin', level: 4 })
const page = await dbal.pageViews.list({ filter: { isActive: true }, select: ['slug'], limit: 3 })
const slugs: string[] = page.data.map((view) => view.slug)
const made: Date = ada.createdAt!
try {
  await dbal.users.create({ username: 'ada', email: 'x@example.org' })
} catch (error) {
  if (!(error instanceof DBALError) || error.reason !== 'unique') throw error
}
// @ts-expect-error there is no such field
await dbal.users.list({ filter: { usernam: 'ada' } }).catch(() => {})
console.log('typescript: ok', made instanceof Date, slugs.length)
