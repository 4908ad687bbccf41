// Prisma and dbal on one database: what the one writes, the other reads as equal values, on SQLite and, where
// DBAL_TEST_POSTGRES_URL names a server, on PostgreSQL. `cargo xtask test prisma` runs it: Prisma's own client, by its
// driver adapters, beside the command line and this package.
//
// Prisma's generate wants engines that it never runs here, so any file is named for them. The tables
// are made by SQL as Prisma's own migrations spell them.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DBALClient } from '../index.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const binary = resolve(process.env.DBAL)
const postgres = process.env.DBAL_TEST_POSTGRES_URL
// The generated clients look for Prisma's packages from where they stand.
const tools = resolve(process.env.DBAL_PRISMA_TOOLS)
const engines = { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_QUERY_ENGINE_LIBRARY: process.execPath, ...process.env }
const folder = mkdtempSync(join(tmpdir(), 'dbal-prisma-'))
symlinkSync(join(tools, 'node_modules'), join(folder, 'node_modules'), 'junction')
const require = createRequire(join(folder, 'x.js'))

/** The tables, as `prisma migrate` spells them for either provider. */
const tables = (pg) => {
  const at = pg ? 'TIMESTAMP(3)' : 'DATETIME'
  const role = pg ? '"Role"' : 'TEXT'
  return [
    ...(pg ? [`CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN')`] : []),
    `CREATE TABLE "User" ("id" ${pg ? 'SERIAL NOT NULL PRIMARY KEY' : 'INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT'}, "email" TEXT NOT NULL, "full_name" TEXT, "role" ${role} NOT NULL DEFAULT 'USER', "createdAt" ${at} NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" ${at} NOT NULL)`,
    `CREATE UNIQUE INDEX "User_email_key" ON "User"("email")`,
    `CREATE TABLE "Profile" ("id" TEXT NOT NULL PRIMARY KEY, "bio" TEXT, "userId" INTEGER NOT NULL REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE)`,
    `CREATE UNIQUE INDEX "Profile_userId_key" ON "Profile"("userId")`,
    `CREATE TABLE "posts" ("id" TEXT NOT NULL PRIMARY KEY, "title" TEXT NOT NULL, "authorId" INTEGER REFERENCES "User" ("id") ON DELETE SET NULL ON UPDATE CASCADE)`,
    `CREATE INDEX "posts_title_authorId_idx" ON "posts"("title", "authorId")`,
    `CREATE TABLE "Tag" ("label" TEXT NOT NULL PRIMARY KEY)`,
    `CREATE TABLE "Seat" ("row" INTEGER NOT NULL, "number" INTEGER NOT NULL, "taken" BOOLEAN NOT NULL DEFAULT false, PRIMARY KEY ("row", "number"))`,
    `CREATE TABLE "Every" ("id" INTEGER NOT NULL PRIMARY KEY, "s" TEXT, "i" INTEGER, "b" BIGINT, "f" ${pg ? 'DOUBLE PRECISION' : 'REAL'}, "d" ${pg ? 'DECIMAL(65,30)' : 'DECIMAL'}, "t" BOOLEAN, "at" ${at}, "j" JSONB, "raw" ${pg ? 'BYTEA' : 'BLOB'}, "role" ${role})`,
    `CREATE TABLE "_PostToTag" ("A" TEXT NOT NULL REFERENCES "posts" ("id") ON DELETE CASCADE ON UPDATE CASCADE, "B" TEXT NOT NULL REFERENCES "Tag" ("label") ON DELETE CASCADE ON UPDATE CASCADE)`,
    `CREATE UNIQUE INDEX "_PostToTag_AB_unique" ON "_PostToTag"("A", "B")`,
    `CREATE INDEX "_PostToTag_B_index" ON "_PostToTag"("B")`,
    `CREATE TABLE "_Follows" ("A" INTEGER NOT NULL REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE, "B" INTEGER NOT NULL REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE)`,
    `CREATE UNIQUE INDEX "_Follows_AB_unique" ON "_Follows"("A", "B")`,
    `CREATE INDEX "_Follows_B_index" ON "_Follows"("B")`,
  ]
}

/** Least, greatest and oddest values of every type, as Prisma takes them. */
const rows = (pg) => [
  {},
  { s: '', i: -2147483648, b: -9223372036854775808n, f: -1.5e300, d: '-99999999999.25', t: false, at: new Date(pg ? '1000-01-01T00:00:00.000Z' : '0001-01-01T00:00:00.000Z'), j: {}, raw: new Uint8Array(), role: 'USER' },
  { s: "'\"\\%_ä🦀\u{10ffff}\n", i: 2147483647, b: 9223372036854775807n, f: 2.5e-300, d: '0.000001', t: true, at: new Date('9999-12-31T23:59:59.999Z'), j: [1, 'a', null, { b: [true, 1.5] }], raw: new Uint8Array([0, 255, 10]), role: 'ADMIN' },
  { s: ' 12 ', i: 0, b: 0n, f: 1, d: '3', t: true, at: new Date('1969-12-31T23:59:59.999Z'), j: 5, raw: new Uint8Array([1]), role: 'USER' },
  { s: 'null', i: -1, b: 9007199254740993n, f: 0.1, d: pg ? '12345678901234567890.123456789' : '123456789.125', t: false, at: new Date('2024-02-29T12:00:00.001Z'), j: 'text', raw: null, role: null },
]

/** A row of Prisma's as dbal's JSON has it. */
const wire = (row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === null || value === undefined ? null
  : typeof value === 'bigint' ? String(value)
  : value instanceof Date ? value.toISOString()
  : value instanceof Uint8Array ? Buffer.from(value).toString('base64')
  : name === 'd' ? (value.toFixed ? value.toFixed() : String(value))
  : value]))

/** Writes Prisma's client for a schema into a folder of its own; gives that. */
function generate(schema, name) {
  const output = join(folder, `generated-${name}`)
  const text = readFileSync(schema, 'utf8')
  const options = `engineType = "client"\n  output = ${JSON.stringify(output)}`
  writeFileSync(schema, text.replace('"prisma-client-js"', `"prisma-client-js"\n  ${options}`))
  const cli = join(tools, 'node_modules/prisma/build/index.js')
  execFileSync(process.execPath, [cli, 'generate', '--schema', schema], { cwd: folder, env: engines, stdio: 'pipe' })
  return output
}

function run(args, place) {
  return execFileSync(binary, [...args, ...place], { encoding: 'utf8' })
}

async function check(pg) {
  const name = pg ? 'PostgreSQL' : 'SQLite'
  const schema = join(folder, `${name}.prisma`)
  const text = readFileSync(join(here, 'schema.prisma'), 'utf8')
  writeFileSync(schema, pg ? text.replace('"sqlite"', '"postgresql"') : text)
  const generated = generate(schema, name)
  run(['import', 'prisma', schema, '--out', join(folder, name)], [])
  // What dbal exports, Prisma's own parser takes.
  const again = join(folder, `${name}-again.prisma`)
  run(['export', 'prisma', '--schema', join(folder, name), '--provider', pg ? 'postgresql' : 'sqlite', '--out', again], [])
  generate(again, `${name}-again`)

  const { Prisma, PrismaClient } = require(generated)
  const file = join(folder, 'dev.db')
  const space = `dbal_prisma_${process.pid}`
  let adapter
  if (pg) {
    const { PrismaPg } = require('@prisma/adapter-pg')
    adapter = new PrismaPg({ connectionString: postgres, options: `-c search_path=${space} -c DateStyle=ISO` }, { schema: space })
  } else {
    const { PrismaLibSQL } = require('@prisma/adapter-libsql')
    adapter = new PrismaLibSQL({ url: `file:${file}`, intMode: 'bigint' })
  }
  const prisma = new PrismaClient({ adapter })
  if (pg) await prisma.$executeRawUnsafe(`CREATE SCHEMA ${space}`)
  for (const statement of tables(pg)) await prisma.$executeRawUnsafe(statement)
  const url = pg ? `${postgres}?schema=${space}` : `file:${file}`
  const place = ['--adapter', 'prisma', '--url', url, '--schema', join(folder, name)]
  const dbal = (...args) => run(args, place)
  const query = (entity, ...args) => JSON.parse(dbal('query', entity, '--format', 'json', ...args)).data
  const create = (entity, data) => JSON.parse(dbal('create', entity, JSON.stringify(data), '--format', 'json'))

  try {
    // Prisma writes, dbal reads; dbal writes the same, Prisma reads.
    for (const [at, row] of rows(pg).entries()) {
      const given = { ...row }
      if ('j' in given && given.j === null) given.j = Prisma.DbNull
      await prisma.every.create({ data: { id: at, ...given } })
      const theirs = await prisma.every.findUnique({ where: { id: at } })
      const [ours] = query('Every', '--filter', JSON.stringify({ id: at }))
      assert.deepEqual(ours, wire(theirs), `${name}: row ${at} that Prisma wrote`)
      create('Every', { ...ours, id: 100 + at })
      const back = await prisma.every.findUnique({ where: { id: 100 + at } })
      assert.deepEqual(wire({ ...back, id: at }), wire(theirs), `${name}: row ${at} that dbal wrote`)
      // Both find it by each of its values.
      for (const [field, value] of Object.entries(ours).filter(([field, value]) => value !== null && !['id', 'raw', 'j'].includes(field))) {
        const found = query('Every', '--filter', JSON.stringify({ [field]: value }), '--select', 'id').map((one) => one.id)
        assert.ok(found.includes(at) && found.includes(100 + at), `${name}: dbal finds row ${at} by ${field}: ${found}`)
        const theirs_ = await prisma.every.findMany({ where: { [field]: back[field] }, select: { id: true } })
        const ids = theirs_.map((one) => one.id)
        assert.ok(ids.includes(at) && ids.includes(100 + at), `${name}: Prisma finds row ${at} by ${field}: ${ids}`)
      }
    }
    const order = query('Every', '--sort', 'at,id', '--filter', '{"id": {"$lt": 100}}', '--select', 'id').map((one) => one.id)
    assert.deepEqual(order, [0, 1, 3, 4, 2], `${name}: order of instants`)

    // Relations, both ways.
    const ada = await prisma.user.create({ data: { email: 'ada@example.org', name: 'Ada', role: 'ADMIN', profile: { create: { bio: 'b' } }, posts: { create: { title: 'one', tags: { create: [{ label: 'x' }, { label: 'y' }] } } } } })
    const bob = create('User', { email: 'bob@example.org' })
    await prisma.user.update({ where: { id: ada.id }, data: { follows: { connect: { id: bob.id } } } })
    const [seen] = query('User', '--filter', '{"email": "ada@example.org"}', '--include', '{"profile": true, "posts": {"include": {"tags": true}}, "follows": true, "followers": true}')
    assert.equal(seen.createdAt, ada.createdAt.toISOString())
    assert.equal(seen.profile.bio, 'b')
    assert.deepEqual(seen.posts[0].tags.map((tag) => tag.label), ['x', 'y'])
    assert.deepEqual(seen.follows.map((one) => one.id), [bob.id], `${name}: whom ada follows`)
    assert.deepEqual(seen.followers, [])
    const post = create('Post', { title: 'two', authorId: bob.id })
    create('_PostToTag', { A: post.id, B: 'x' })
    create('Seat', { row: 1, number: 2 })
    const tag = await prisma.tag.findUnique({ where: { label: 'x' }, include: { posts: { orderBy: { title: 'asc' }, include: { author: true } } } })
    assert.deepEqual(tag.posts.map((one) => [one.title, one.author.email]), [['one', 'ada@example.org'], ['two', 'bob@example.org']])
    const read = await prisma.user.findUnique({ where: { id: bob.id } })
    assert.ok(Math.abs(read.updatedAt - Date.now()) < 600_000 && read.createdAt.toISOString() === bob.createdAt, `${name}: times that dbal wrote`)
    assert.equal((await prisma.seat.findUnique({ where: { row_number: { row: 1, number: 2 } } })).taken, false)

    // The same from Node, with the schema.prisma itself.
    const own = new DBALClient({ adapter: 'prisma', database: { url }, schema })
    const eve = await own.users.create({ email: 'eve@example.org', name: 'Eve' })
    await prisma.post.create({ data: { title: 'three', author: { connect: { id: eve.id } } } })
    const written = await prisma.user.findUnique({ where: { email: 'eve@example.org' }, include: { posts: true } })
    const found = await own.users.first({ filter: { name: 'Eve' }, include: { posts: true } })
    assert.deepEqual([found.id, found.createdAt, found.role], [written.id, written.createdAt, written.role])
    assert.deepEqual(found.posts, written.posts)
    await own.close()

    // Nothing of Prisma's is changed, and nothing is missing.
    const shape = () => prisma.$queryRawUnsafe(pg
      ? `SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns WHERE table_schema = '${space}' ORDER BY 1, 2`
      : `SELECT name, sql FROM sqlite_schema ORDER BY name`)
    const before = await shape()
    dbal('migrate')
    assert.deepEqual(await shape(), before, `${name}: migrate changes nothing`)
    assert.equal(query('User', '--filter', '{"email": {"$icontains": "ADA@"}}').length, 1)
  } finally {
    if (pg) await prisma.$executeRawUnsafe(`DROP SCHEMA ${space} CASCADE`)
    await prisma.$disconnect()
  }
  console.log(`${name}: Prisma and dbal read each other's rows`)
}

try {
  if (!process.env.ONLY_POSTGRES) await check(false)
  if (postgres) await check(true)
  else console.log('LEFT OUT: PostgreSQL (DBAL_TEST_POSTGRES_URL is not set; see cargo xtask servers)')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
