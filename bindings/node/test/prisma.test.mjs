// A database that Prisma made, opened by its schema.prisma alone. `prisma/check.mjs` holds it against Prisma's client.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DBALClient, openSync } from '../index.mjs'

const folder = mkdtempSync(join(tmpdir(), 'dbal-node-prisma-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const schema = join(folder, 'schema.prisma')
writeFileSync(schema, `
datasource db {
  provider = "sqlite"
  url      = "file:./dev.db"
}
model User {
  id    Int    @id @default(autoincrement())
  email String @unique @map("e_mail")
  at    DateTime @default(now())
  posts Post[]
}
model Post {
  id       Int    @id @default(autoincrement())
  title    String
  author   User?  @relation(fields: [authorId], references: [id])
  authorId Int?
}
`)
const url = `file:${join(folder, 'dev.db')}`

test('adapter prisma takes a schema.prisma for its schema, in both faces', async () => {
  const db = new DBALClient({ adapter: 'prisma', database: { url }, schema })
  await db.migrate()
  const ada = await db.users.create({ email: 'ada@example.org' })
  await db.posts.create({ title: 'one', authorId: ada.id })
  const direct = openSync({ adapter: 'prisma', database: { url }, schema })
  const [row] = direct.users.findMany({ filter: { email: 'ada@example.org' }, include: { posts: { select: ['title'] } } })
  assert.deepEqual(row, { id: 1, email: 'ada@example.org', at: ada.at, posts: [{ title: 'one' }] })
  // Its tables are Prisma's: there is no table of another name.
  const plain = openSync({ database: { url }, schema: [{ entity: 'Thing', table: 'User', fields: { id: { type: 'integer', primary: true }, mail: { type: 'string', column: 'e_mail' } } }] })
  assert.equal(plain.things.read(1).mail, 'ada@example.org')
  for (const one of [direct, plain]) one.close()
  await db.close()
})

test('what does not fit the adapter is refused by name, all at once', () => {
  const refused = (config, fields) => assert.throws(() => openSync(config), (error) => {
    assert.equal(error.code, 'VALIDATION_ERROR')
    assert.deepEqual(error.fields.map((fault) => fault.field), fields, error.message)
    return true
  })
  refused({ adapter: 'prisma', database: { url: 'mongodb://localhost/x' }, schema, timeout: 'soon' }, ['adapter', 'timeout'])
  refused({ adapter: 'prism', database: { url }, schema }, ['adapter'])
  refused({ adapter: 'postgres', database: { url }, schema }, ['adapter'])
  refused({ adapter: 'prisma', schema }, ['database.url'])
  const broken = join(folder, 'broken.prisma')
  writeFileSync(broken, 'model User {\n  id Intt @id\n  b  Strin\n}\n')
  refused({ adapter: 'prisma', database: { url }, schema: broken }, [`${broken}:2:3`, `${broken}:3:3`])
  refused({ adapter: 'prisma', database: { url }, schema: join(folder, 'none.prisma') }, [join(folder, 'none.prisma')])
})
