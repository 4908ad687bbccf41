// A script: opens a file, makes what is missing, writes, reads, and asks on somebody's behalf.
//
//   node script.mjs [app.db] [schema folder]
import { DBALClient, DBALError } from '@metabuilder/dbal'

const [file = 'app.db', schema = '../../api/schema'] = process.argv.slice(2)
const dbal = new DBALClient({ database: { url: `file:${file}` }, schema })
await dbal.migrate()

const ada = await dbal.users.upsert({
  where: { username: 'ada' },
  create: { email: 'ada@example.org', role: 'admin', level: 4 },
  update: { level: 4 },
})
await dbal.page_views.upsert({
  where: { slug: 'home' },
  create: { title: 'Home', level: 1, layout: { columns: 2 } },
  update: { title: 'Home' },
})

const page = await dbal.users.list({ filter: { level: { $gte: 2 } }, sort: { username: 'asc' }, select: ['username', 'level'] })
console.log(`${page.total} users from level 2:`, page.data)

// Everybody may read pages; nobody but gods may change them.
const asAda = dbal.asPrincipal({ user: { id: ada.id, role: 'admin', level: ada.level } })
console.log('ada reads', (await asAda.page_views.read({ slug: 'home' })).title)
try {
  await asAda.page_views.update({ slug: 'home' }, { title: 'Mine' })
} catch (error) {
  if (!(error instanceof DBALError)) throw error
  console.log(error.code, error.message)
}
await dbal.close()
