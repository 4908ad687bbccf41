// The same work through dbal and by others, on SQLite, in alternating rounds of one run; the middle of the rounds, as
// ratios to better-sqlite3 by hand. Others are measured where they are installed, in the folder it is run from:
//
//   cargo xtask package node && npm install …/metabuilder-dbal-*.tgz better-sqlite3 drizzle-orm && node bench.mjs [rounds [operation]]
//
// Prisma 6 takes part after `npm install prisma@6 @prisma/client@6 @prisma/adapter-better-sqlite3@6` and
// `npx prisma generate --schema bench/schema.prisma`; where its engine cannot be downloaded, PRISMA_SCHEMA_ENGINE_BINARY
// may name any file, since nothing here uses it.
import { createRequire } from 'node:module'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { contestants } from './contestants.mjs'

const rounds = Number(process.argv[2] ?? 15)
const wanted = process.argv[3] ?? ''
const folder = mkdtempSync(join(tmpdir(), 'dbal-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const require = createRequire(join(process.cwd(), 'x.js'))

// ---- the data -------------------------------------------------------------------------------------------------------
const WORDS = 'lorem ipsum dolor sit amet elit sed tempor labore magna aliqua enim'.split(' ')
const START = Date.UTC(2024, 0, 1)
let seed = 7
const random = (below) => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return Math.floor((seed / 2 ** 32) * below)
}
const words = (count) => Array.from({ length: count }, () => WORDS[random(WORDS.length)]).join(' ')
const role = (i) => (i % 20 === 0 ? 'admin' : i % 20 < 4 ? 'moderator' : 'user')
const users = Array.from({ length: 10_000 }, (_, i) => {
  const at = START + i * 1000
  return { id: randomUUID(), username: `user${i}`, email: `user${i}@example.org`, role: role(i), level: 1 + random(6), created_at: at, updated_at: at }
})
const pages = Array.from({ length: 5_000 }, (_, i) => ({
  id: randomUUID(), slug: `page-${i}`, title: words(4), level: 1 + random(6), is_active: random(5) > 0,
  layout: { cols: 1 + random(4), blocks: [0, 1, 2].map(() => ({ type: 'text', text: words(7) })) },
  created_at: START + i * 2000, author_id: users[random(10_000)].id,
}))
const comments = Array.from({ length: 100_000 }, (_, i) => ({
  id: randomUUID(), page_id: pages[random(5_000)].id, author_id: users[random(10_000)].id, body: words(8 + random(16)), created_at: START + i * 500,
}))
const data = { users, pages, comments }

// ---- the rounds -----------------------------------------------------------------------------------------------------
const pick = (i, below) => ((Math.imul((11 + i) | 0, 2654435761) >>> 0) * 48271) % 4294967296 % below
const schema = { text: readFileSync(new URL('../../../dbal/benches/overhead/schema/work.yaml', import.meta.url), 'utf8') }
const all = await contestants({ require, folder, data, schema, pick })
console.log(`node ${process.version}; ${all.map((one) => one.name).join(', ')}; ${rounds} rounds; load ${loadavg()[0].toFixed(1)}`)

// A round is long beside what the one before leaves in the caches, and one of writes holds what these cost in all: the log
// of SQLite goes into the file once in some hundred of them, or some thousand.
const COUNTS = { read_pk: 4000, list: 60, join_nested: 40, insert1: 1000, update_pk: 2000, bulk100: 20, agg: 6, read10k: 4 }
const table = []
for (const [operation, count] of Object.entries(COUNTS).filter(([name]) => name.includes(wanted))) {
  const able = all.filter((one) => one[operation])
  const times = new Map(able.map((one) => [one.name, []]))
  let call = 0
  const sums = new Map()
  for (let round = -2; round < rounds; round++) {
    // Whoever comes after one that fills the heap and the caches pays for it: nobody always comes after the same one.
    for (const one of shuffled(able)) {
      let sum = 0
      const began = process.hrtime.bigint()
      const many = one.flight ?? 1
      for (let i = 0; i < count; i += many) {
        if (many > 1) {
          const made = await Promise.all(Array.from({ length: Math.min(many, count - i) }, (_, k) => one[operation](call + i + k)))
          for (const value of made) sum += value
        } else {
          const value = one[operation](call + i)
          sum += one.sync ? value : await value
        }
      }
      const micros = Number(process.hrtime.bigint() - began) / 1000 / count
      if (round >= 0) times.get(one.name).push(micros)
      sums.set(one.name, sum)
    }
    call += count
    if (new Set(sums.values()).size > 1) console.log(`${operation}: the answers differ`, Object.fromEntries(sums))
  }
  const base = times.get('better-sqlite3')
  const row = { operation }
  for (const [name, measured] of times) {
    // Ratios within a round: what else the machine does meets both.
    const ratio = base && median(measured.map((time, round) => time / base[round]))
    row[name] = `${median(measured).toFixed(1)} us${ratio ? ` (${ratio.toFixed(2)})` : ''}`
  }
  table.push(row)
  console.log(operation, JSON.stringify(row))
}
console.table(table)

function shuffled(list) {
  const rest = [...list]
  return list.map(() => rest.splice(Math.floor(Math.random() * rest.length), 1)[0])
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}
process.exit(0)
