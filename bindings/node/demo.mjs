// The end of `cargo xtask demo`: the same file, from Node. Every outcome is checked; the first wrong one ends it.
import assert from 'node:assert/strict'
import { DBALClient, openSync } from './index.mjs'

const [file, schema, first] = process.argv.slice(2)
let number = Number(first)
const step = (what) => console.log(`\n${number++}. ${what}`)
const show = (call, answer) => console.log(`   > ${call}\n     ${typeof answer === 'string' ? answer : JSON.stringify(answer)}`)

const config = { database: { url: `file:${file}` }, schema }
const dbal = new DBALClient(config)

step('From Node, on the same file: the rows that Rust and the command line wrote.')
const page = await dbal.users.list({ sort: [{ level: 'desc' }, { username: 'asc' }], limit: 3, select: ['username', 'level'] })
show("users.list({ sort: [{ level: 'desc' }, …], limit: 3 })", page.data)
assert.equal(page.total, 4)
assert.equal(page.data[0].username, 'gloria')
const bob = await dbal.users.read({ username: 'bob' })
assert.equal(bob.level, 3, 'Rust raised bob to level 3')

step('Without promises, on the calling thread: the same answers.')
const db = openSync(config)
const again = db.users.read(bob.id)
show('openSync(…).users.read(bob.id)', again)
assert.deepEqual(again, bob)

step('A transaction that fails leaves nothing, here too.')
const failed = dbal.transaction(async (tx) => {
  await tx.users.create({ username: 'fay', email: 'fay@example.org' })
  await tx.users.create({ username: 'bob', email: 'other@example.org' })
})
const conflict = await failed.then(() => assert.fail('it should have been refused'), (error) => error)
show('transaction: create fay, then a second bob', `${conflict.code} (${conflict.reason}): ${conflict.message}`)
assert.equal(conflict.code, 'CONFLICT')
assert.equal(await dbal.users.count(), 4)

step('Bob asks from Node: the same rules, the same refusals.')
const asBob = dbal.asPrincipal({ user: { id: bob.id, role: 'user', level: 3 } })
const seen = await asBob.users.findMany()
show('as bob: users.findMany()', seen.map((user) => user.username))
assert.deepEqual(seen.map((user) => user.username), ['bob'])
const refused = await asBob.page_views
  .create({ slug: 'mine', title: 'Mine', level: 1, layout: {} })
  .then(() => assert.fail('it should have been refused'), (error) => error)
show('as bob: page_views.create(…)', `${refused.code}: ${refused.message}`)
assert.equal(refused.code, 'FORBIDDEN')

step('A filter that a slip made undefined is an error, never "no filter".')
const slip = await dbal.users.deleteMany({ filter: { id: bob.identifier } }).catch((error) => error)
show('users.deleteMany({ filter: { id: bob.identifier } })', `${slip.code}: ${slip.message}`)
assert.equal(slip.code, 'VALIDATION_ERROR')
assert.equal(db.users.count(), 4)
console.log(`\nsteps: ${number - 1}`)
