// Who takes part. Each answers an operation with a number made of what it read, which has to be the same for all.
import { randomUUID } from 'node:crypto'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'

const ROLES = ['user', 'moderator', 'admin']
const BODY = 'a comment of about the usual length, with a few words more to make it so'
const OLD = Date.UTC(2020, 0, 1)
const text = (at) => new Date(at).toISOString().replace('T', ' ').replace('Z', '')

/** Opens everybody that is installed, each on a file of its own. */
export async function contestants(given) {
  const all = [...dbal(given)]
  for (const open of [raw, drizzle, prisma]) {
    try {
      all.push(await open(given))
    } catch (error) {
      const absent = ['MODULE_NOT_FOUND', 'ERR_PACKAGE_PATH_NOT_EXPORTED'].includes(error.code)
      // Prisma's client is there before `prisma generate` wrote it.
      if (!absent && !/did not initialize/.test(error.message)) throw error
    }
  }
  return all
}

function dbal({ require, folder, data, schema, pick }) {
  const { DBALClient, openSync } = require('@metabuilder/dbal')
  const template = join(folder, 'dbal.db')
  const config = (file) => ({ schema, database: { url: `file:${join(folder, file)}`, cacheKib: 65_536 } })
  const first = openSync(config('dbal.db'))
  first.migrate()
  const dated = (row) => ({ ...row, created_at: new Date(row.created_at), ...(row.updated_at && { updated_at: new Date(row.updated_at) }) })
  first.users.createMany(data.users.map(dated), { returning: false })
  first.pages.createMany(data.pages.map(dated), { returning: false })
  first.comments.createMany(data.comments.map(dated), { returning: false })
  first.close()
  copyFileSync(template, join(folder, 'dbal-promises.db'))
  copyFileSync(template, join(folder, 'dbal-32.db'))
  const work = (db, name, more) => ({
    name,
    ...more,
    read_pk: (i) => then(db.users.read(data.users[pick(i, 10_000)].id), (user) => user.level),
    list: (i) =>
      then(
        db.users.list({ filter: { role: ROLES[pick(i, 3)], level: { $lte: 3 } }, sort: { created_at: 'desc' }, limit: 20 }),
        (page) => page.total + page.data.reduce((sum, user) => sum + user.level, 0),
      ),
    join_nested: () =>
      then(
        db.pages.findMany({
          filter: { is_active: true, level: { $lte: 3 } }, sort: { created_at: 'desc' }, limit: 20,
          include: { author: true, comments: { sort: { created_at: 'desc' }, limit: 5, include: { author: true } } },
        }),
        (pages) => pages.reduce((sum, page) => sum + page.level + page.author.level + page.comments.reduce((s, c) => s + c.author.level, 0), 0),
      ),
    insert1: (i) => then(db.comments.create(comment(data, pick, i)), () => 1),
    update_pk: (i) =>
      then(db.users.update(data.users[pick(i, 10_000)].id, { level: 1 + (i % 6), updated_at: new Date() }), () => 1),
    bulk100: (i) => then(db.comments.createMany(hundred(data, pick, i), { returning: false }), ({ count }) => count),
    agg: () =>
      then(
        db.comments.aggregate({ groupBy: ['page_id'], count: true, sort: [{ count: 'desc' }, { page_id: 'asc' }], limit: 10 }),
        (groups) => groups.reduce((sum, group) => sum + group.count, 0),
      ),
    read10k: () => then(db.comments.findMany({ limit: 10_000 }), (rows) => rows.length),
  })
  for (const file of ['dbal.db', 'dbal-promises.db', 'dbal-32.db']) {
    const kept = openSync(config(file))
    process.on('exit', () => kept.close())
    // A database in use, as that of the others: while its log is empty, SQLite asks for the file's size at every read.
    kept.users.update(data.users[0].id, { level: data.users[0].level })
  }
  return [
    work(openSync(config('dbal.db')), 'dbal sync', { sync: true }),
    work(new DBALClient(config('dbal-promises.db')), 'dbal promises', {}),
    work(new DBALClient(config('dbal-32.db')), 'dbal promises@32', { flight: 32 }),
  ]
}

function then(value, read) {
  return typeof value?.then === 'function' ? value.then(read) : read(value)
}

function comment(data, pick, i) {
  return { id: randomUUID(), page_id: data.pages[pick(i, 5_000)].id, author_id: data.users[pick(i, 10_000)].id, body: BODY, created_at: new Date(OLD + i) }
}

function hundred(data, pick, i) {
  return Array.from({ length: 100 }, (_, k) => comment(data, pick, i * 100 + k))
}

/** Tables as one would make them by hand. */
function tables(Database, file, data) {
  const db = new Database(file)
  for (const pragma of ['journal_mode=WAL', 'synchronous=NORMAL', 'cache_size=-65536', 'foreign_keys=ON', 'temp_store=MEMORY', 'busy_timeout=5000']) db.pragma(pragma)
  db.exec(`
    CREATE TABLE users (id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, email TEXT NOT NULL UNIQUE, role TEXT NOT NULL, level INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
    CREATE TABLE pages (id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, title TEXT NOT NULL, level INTEGER NOT NULL, layout TEXT NOT NULL, is_active INTEGER NOT NULL, created_at TEXT NOT NULL, author_id TEXT NOT NULL REFERENCES users(id));
    CREATE TABLE comments (id TEXT PRIMARY KEY, page_id TEXT NOT NULL REFERENCES pages(id), author_id TEXT NOT NULL REFERENCES users(id), body TEXT NOT NULL, created_at TEXT NOT NULL);
    CREATE INDEX u1 ON users(role, created_at); CREATE INDEX u2 ON users(role, level); CREATE INDEX p1 ON pages(created_at);
    CREATE INDEX p2 ON pages(author_id); CREATE INDEX c1 ON comments(page_id, created_at); CREATE INDEX c2 ON comments(author_id);`)
  const user = db.prepare('INSERT INTO users VALUES (?,?,?,?,?,?,?)')
  const page = db.prepare('INSERT INTO pages VALUES (?,?,?,?,?,?,?,?)')
  const note = db.prepare('INSERT INTO comments VALUES (?,?,?,?,?)')
  db.transaction(() => {
    for (const u of data.users) user.run(u.id, u.username, u.email, u.role, u.level, text(u.created_at), text(u.updated_at))
    for (const p of data.pages) page.run(p.id, p.slug, p.title, p.level, JSON.stringify(p.layout), p.is_active ? 1 : 0, text(p.created_at), p.author_id)
    for (const c of data.comments) note.run(c.id, c.page_id, c.author_id, c.body, text(c.created_at))
  })()
  return db
}

function raw({ require, folder, data, pick }) {
  const db = tables(require('better-sqlite3'), join(folder, 'raw.db'), data)
  const one = db.prepare('SELECT id, username, email, role, level, created_at, updated_at FROM users WHERE id = ?')
  const some = db.prepare('SELECT id, username, email, role, level, created_at, updated_at FROM users WHERE role = ? AND level <= 3 ORDER BY created_at DESC LIMIT 20')
  const total = db.prepare('SELECT count(*) FROM users WHERE role = ? AND level <= 3').pluck()
  const newest = db.prepare(`SELECT p.*, u.id AS u_id, u.username AS u_username, u.email AS u_email, u.role AS u_role, u.level AS u_level, u.created_at AS u_created_at, u.updated_at AS u_updated_at
    FROM pages p JOIN users u ON u.id = p.author_id WHERE p.is_active = 1 AND p.level <= 3 ORDER BY p.created_at DESC LIMIT 20`)
  const notes = db.prepare(`SELECT c.*, u.id AS u_id, u.username AS u_username, u.email AS u_email, u.role AS u_role, u.level AS u_level, u.created_at AS u_created_at, u.updated_at AS u_updated_at
    FROM comments c JOIN users u ON u.id = c.author_id WHERE c.page_id = ? ORDER BY c.created_at DESC LIMIT 5`)
  const insert = db.prepare('INSERT INTO comments VALUES (?,?,?,?,?)')
  const update = db.prepare('UPDATE users SET level = ?, updated_at = ? WHERE id = ?')
  const top = db.prepare('SELECT page_id, count(*) AS count FROM comments GROUP BY page_id ORDER BY count DESC, page_id LIMIT 10')
  const many = db.prepare('SELECT id, page_id, author_id, body, created_at FROM comments ORDER BY id LIMIT 10000')
  const author = ({ u_id, u_username, u_email, u_role, u_level, u_created_at, u_updated_at, ...own }) => ({
    ...own, author: { id: u_id, username: u_username, email: u_email, role: u_role, level: u_level, created_at: u_created_at, updated_at: u_updated_at },
  })
  const add = (c) => insert.run(c.id, c.page_id, c.author_id, c.body, text(c.created_at.getTime()))
  const bulk = db.transaction((rows) => rows.forEach(add))
  return {
    name: 'better-sqlite3',
    sync: true,
    read_pk: (i) => one.get(data.users[pick(i, 10_000)].id).level,
    list: (i) => total.get(ROLES[pick(i, 3)]) + some.all(ROLES[pick(i, 3)]).reduce((sum, user) => sum + user.level, 0),
    join_nested: () => {
      const pages = newest.all().map(author).map((page) => ({ ...page, layout: JSON.parse(page.layout), comments: notes.all(page.id).map(author) }))
      return pages.reduce((sum, page) => sum + page.level + page.author.level + page.comments.reduce((s, c) => s + c.author.level, 0), 0)
    },
    insert1: (i) => add(comment(data, pick, i)).changes,
    update_pk: (i) => update.run(1 + (i % 6), text(Date.now()), data.users[pick(i, 10_000)].id).changes,
    bulk100: (i) => (bulk(hundred(data, pick, i)), 100),
    agg: () => top.all().reduce((sum, group) => sum + group.count, 0),
    read10k: () => {
      const rows = many.all()
      return rows.length
    },
  }
}

async function drizzle({ require, folder, data, pick }) {
  const db3 = tables(require('better-sqlite3'), join(folder, 'drizzle.db'), data)
  const { drizzle: open } = require('drizzle-orm/better-sqlite3')
  const { sqliteTable, text: column, integer } = require('drizzle-orm/sqlite-core')
  const { relations, eq, and, lte, desc, asc, count } = require('drizzle-orm')
  const user = sqliteTable('users', {
    id: column('id').primaryKey(), username: column('username'), email: column('email'), role: column('role'), level: integer('level'), created_at: column('created_at'), updated_at: column('updated_at'),
  })
  const page = sqliteTable('pages', {
    id: column('id').primaryKey(), slug: column('slug'), title: column('title'), level: integer('level'), layout: column('layout', { mode: 'json' }), is_active: integer('is_active', { mode: 'boolean' }), created_at: column('created_at'), author_id: column('author_id'),
  })
  const note = sqliteTable('comments', { id: column('id').primaryKey(), page_id: column('page_id'), author_id: column('author_id'), body: column('body'), created_at: column('created_at') })
  const pageRelations = relations(page, ({ one, many }) => ({ author: one(user, { fields: [page.author_id], references: [user.id] }), comments: many(note) }))
  const noteRelations = relations(note, ({ one }) => ({ page: one(page, { fields: [note.page_id], references: [page.id] }), author: one(user, { fields: [note.author_id], references: [user.id] }) }))
  const db = open(db3, { schema: { user, page, note, pageRelations, noteRelations } })
  const made = (c) => ({ ...c, created_at: text(c.created_at.getTime()) })
  return {
    name: 'drizzle',
    sync: true,
    read_pk: (i) => db.select().from(user).where(eq(user.id, data.users[pick(i, 10_000)].id)).get().level,
    list: (i) => {
      const where = and(eq(user.role, ROLES[pick(i, 3)]), lte(user.level, 3))
      const [{ total }] = db.select({ total: count() }).from(user).where(where).all()
      return total + db.select().from(user).where(where).orderBy(desc(user.created_at)).limit(20).all().reduce((sum, one) => sum + one.level, 0)
    },
    join_nested: () =>
      db.query.page
        .findMany({
          where: and(eq(page.is_active, true), lte(page.level, 3)), orderBy: desc(page.created_at), limit: 20,
          with: { author: true, comments: { orderBy: desc(note.created_at), limit: 5, with: { author: true } } },
        })
        .sync()
        .reduce((sum, one) => sum + one.level + one.author.level + one.comments.reduce((s, c) => s + c.author.level, 0), 0),
    insert1: (i) => db.insert(note).values(made(comment(data, pick, i))).run().changes,
    update_pk: (i) => db.update(user).set({ level: 1 + (i % 6), updated_at: text(Date.now()) }).where(eq(user.id, data.users[pick(i, 10_000)].id)).run().changes,
    bulk100: (i) => db.transaction((tx) => tx.insert(note).values(hundred(data, pick, i).map(made)).run().changes),
    agg: () => {
      const counted = count()
      return db.select({ page_id: note.page_id, count: counted }).from(note).groupBy(note.page_id).orderBy(desc(counted), asc(note.page_id)).limit(10).all().reduce((sum, group) => sum + group.count, 0)
    },
    read10k: () => {
      const rows = db.select().from(note).orderBy(asc(note.id)).limit(10_000).all()
      return rows.length
    },
  }
}

async function prisma({ require, folder, data, pick }) {
  const { PrismaClient } = require('@prisma/client')
  const { PrismaBetterSQLite3 } = require('@prisma/adapter-better-sqlite3')
  tables(require('better-sqlite3'), join(folder, 'prisma.db'), data).close()
  const db = new PrismaClient({ adapter: new PrismaBetterSQLite3({ url: `file:${join(folder, 'prisma.db')}` }) })
  for (const pragma of ['synchronous=NORMAL', 'cache_size=-65536', 'foreign_keys=ON', 'temp_store=MEMORY']) await db.$queryRawUnsafe(`PRAGMA ${pragma}`)
  const made = (c) => ({ ...c, created_at: text(c.created_at.getTime()) })
  return {
    name: 'prisma',
    read_pk: async (i) => (await db.user.findUnique({ where: { id: data.users[pick(i, 10_000)].id } })).level,
    list: async (i) => {
      const where = { role: ROLES[pick(i, 3)], level: { lte: 3 } }
      const [total, users] = await Promise.all([db.user.count({ where }), db.user.findMany({ where, orderBy: { created_at: 'desc' }, take: 20 })])
      return total + users.reduce((sum, one) => sum + one.level, 0)
    },
    join_nested: async () => {
      const pages = await db.page.findMany({
        where: { is_active: true, level: { lte: 3 } }, orderBy: { created_at: 'desc' }, take: 20,
        include: { author: true, comments: { orderBy: { created_at: 'desc' }, take: 5, include: { author: true } } },
      })
      return pages.reduce((sum, one) => sum + one.level + one.author.level + one.comments.reduce((s, c) => s + c.author.level, 0), 0)
    },
    insert1: async (i) => (await db.comment.create({ data: made(comment(data, pick, i)) }), 1),
    update_pk: async (i) => (await db.user.update({ where: { id: data.users[pick(i, 10_000)].id }, data: { level: 1 + (i % 6), updated_at: text(Date.now()) } }), 1),
    bulk100: async (i) => (await db.comment.createMany({ data: hundred(data, pick, i).map(made) })).count,
    agg: async () => {
      const groups = await db.comment.groupBy({ by: ['page_id'], _count: { _all: true }, orderBy: [{ _count: { page_id: 'desc' } }, { page_id: 'asc' }], take: 10 })
      return groups.reduce((sum, group) => sum + group._count._all, 0)
    },
    read10k: async () => (await db.comment.findMany({ orderBy: { id: 'asc' }, take: 10_000 })).length,
  }
}
