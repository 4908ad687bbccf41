// Values that a program did not mean: each is refused by name or has the one meaning that SEMANTICS gives it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import vm from 'node:vm'
import { openSync, DBALClient, DBALError } from '../index.mjs'

const schema = {
  entity: 'Thing',
  fields: {
    id: { type: 'integer', primary: true },
    name: { type: 'string' },
    big: { type: 'bigint' },
    rate: { type: 'float' },
    at: { type: 'datetime' },
    raw: { type: 'bytes' },
    doc: { type: 'json' },
  },
}

function fresh() {
  const db = openSync({ adapter: 'memory', schema })
  db.things.create({ id: 1, name: 'one' })
  return db
}

function refused(work, field, message) {
  assert.throws(work, (error) => {
    assert.ok(error instanceof DBALError, String(error?.stack))
    assert.equal(error.code, 'VALIDATION_ERROR')
    const fault = error.fields.find((fault) => fault.field === field || fault.field.endsWith(`.${field}`))
    assert.ok(fault, `${field} in ${JSON.stringify(error.fields)}`)
    assert.match(fault.message, message)
    return true
  })
}

test('undefined is absent in data and a fault in a filter, never "no filter"', () => {
  const db = fresh()
  assert.equal(db.things.create({ id: 2, name: undefined }).name, null)
  refused(() => db.things.count({ filter: undefined }), 'filter', /undefined/)
  refused(() => db.things.count({ filter: { name: undefined } }), 'name', /undefined/)
  refused(() => db.things.deleteMany({ filter: { id: { $gt: undefined } }, all: true }), '$gt', /undefined/)
  refused(() => db.things.read(undefined), 'id', /./)
  assert.equal(db.things.count(), 2)
})

test('what looks like an empty filter and is none is refused', () => {
  const db = fresh()
  const operator = Symbol('gt')
  refused(() => db.things.deleteMany({ filter: { id: { [operator]: 0 } } }), 'id', /symbol/)
  refused(() => db.things.count({ filter: new Map([['id', 2]]) }), 'filter', /instance of Map/)
  refused(() => db.things.count({ filter: new (class Filter { id = 1 })() }), 'filter', /instance of Filter/)
  refused(() => db.things.count({ filter: Object.create({ id: 2 }) }), 'filter', /instance/)
  refused(() => db.things.count({ filter: { id: () => 1 } }), 'id', /function/)
  refused(() => db.things.count({ filter: { name: new String('one') } }), 'name', /instance of String/)
  assert.equal(db.things.count(), 1)
})

test('__proto__ is a name like any other, inwards and outwards', () => {
  const db = fresh()
  refused(() => db.things.count({ filter: JSON.parse('{"__proto__": {"id": 1}}') }), '__proto__', /unknown/)
  refused(() => db.things.create(JSON.parse('{"id": 5, "__proto__": {"name": "x"}}')), '__proto__', /unknown/)
  const doc = JSON.parse('{"__proto__": {"polluted": true}, "a": 1}')
  const kept = db.things.update(1, { doc }).doc
  assert.deepEqual(Object.keys(kept).sort(), ['__proto__', 'a'])
  assert.equal(Object.getPrototypeOf(kept), Object.prototype)
  assert.equal({}.polluted, undefined)
})

test('a getter is read once, and what it throws comes out', () => {
  const db = fresh()
  let reads = 0
  const data = { id: 3, get name() { return `read ${++reads}` } }
  assert.equal(db.things.create(data).name, 'read 1')
  assert.equal(reads, 1)
  assert.throws(() => db.things.create({ get id() { throw new RangeError('mine') } }), RangeError)
  refused(() => db.things.create({ id: 4, get name() { return db.things.read(1).name } }), 'request', /getter/)
  assert.equal(db.things.read(1).name, 'one')
})

test('numbers keep their value or are refused', () => {
  const db = fresh()
  refused(() => db.things.create({ id: 2, big: 2 ** 53 }), 'big', /bigint/)
  refused(() => db.things.create({ id: 2, big: 2n ** 63n }), 'big', /64 bits/)
  refused(() => db.things.create({ id: 2, rate: NaN }), 'rate', /./)
  refused(() => db.things.create({ id: 2, rate: Infinity }), 'rate', /./)
  refused(() => db.things.create({ id: 1.5 }), 'id', /./)
  refused(() => db.things.create({ id: '2' }), 'id', /./)
  assert.equal(db.things.update(1, { big: 2n ** 63n - 1n }).big, 9223372036854775807n)
  assert.equal(db.things.update(1, { big: 2 ** 53 - 1 }).big, 9007199254740991n)
  assert.equal(db.things.update(1, { rate: -0 }).rate === 0, true)
  assert.equal(db.things.update(1, { rate: 2 ** 60 }).rate, 2 ** 60)
  assert.deepEqual(db.things.update(1, { doc: [2n ** 60n, 1.5, 3] }).doc, [2n ** 60n, 1.5, 3])
})

test('dates, bytes and text are themselves', () => {
  const db = fresh()
  const at = new Date('2024-02-29T12:34:56.789Z')
  assert.deepEqual(db.things.update(1, { at }).at, at)
  refused(() => db.things.update(1, { at: new Date(NaN) }), 'at', /invalid Date/)
  refused(() => db.things.update(1, { at: new Date(8.64e15) }), 'at', /./)
  const raw = Buffer.from([0, 255, 1, 2, 3, 4, 5, 6, 7])
  assert.deepEqual(db.things.update(1, { raw }).raw, new Uint8Array(raw))
  assert.deepEqual(db.things.update(1, { raw: new Uint8Array(0) }).raw, new Uint8Array(0))
  refused(() => db.things.update(1, { raw: new Float64Array(1) }), 'raw', /instance of Float64Array/)
  refused(() => db.things.update(1, { name: '\ud800' }), 'name', /surrogate/)
  refused(() => db.things.update(1, { name: 'a\0b' }), 'name', /./)
  const long = '☃𝒳é'.repeat(100_000)
  assert.equal(db.things.update(1, { name: long }).name, long)
  assert.equal(db.things.read(1).name, long)
})

test('circles and great depth end', () => {
  const db = fresh()
  const circle = { a: [] }
  circle.a.push(circle)
  refused(() => db.things.update(1, { doc: circle }), 'doc.a.0', /contains itself/)
  let deep = 1
  for (let i = 0; i < 100_000; i++) deep = [deep]
  refused(() => db.things.update(1, { doc: deep }), 'doc', /depth/)
})

test('plain objects of another realm and without a prototype are plain', () => {
  const db = fresh()
  assert.equal(db.things.count({ filter: vm.runInNewContext('({ id: 1 })') }), 1)
  assert.equal(db.things.count({ filter: Object.assign(Object.create(null), { id: 1 }) }), 1)
})

test('options are checked: unknown ones, the spelling of the contract, no object', () => {
  const db = fresh()
  refused(() => db.things.list({ limt: 1 }), 'limt', /unknown/)
  refused(() => db.things.aggregate({ count: true, group_by: ['name'] }), 'group_by', /groupBy/)
  refused(() => db.things.list(5), 'options', /object/)
  refused(() => openSync({ adapter: 'memory', schema, databse: {} }), 'databse', /unknown/)
  refused(() => openSync({ database: { url: 'file:x.db', pool: 1 }, schema }), 'database.pool', /unknown/)
  refused(() => openSync({ adapter: 'memory', schema, mode: 'production' }), 'mode', /endpoint/)
  refused(() => db.asPrincipal(null), 'principal', /expected/)
  assert.throws(() => openSync({ endpoint: 'dbal://x', schema }), { code: 'DATABASE_ERROR' })
  assert.throws(() => openSync({ adapter: 'memory', schema: { entity: 'X', fields: { a: { type: 'uid' } } } }), /did you mean uuid/)
})

test('promises reject with the same errors and never throw', async () => {
  const db = new DBALClient({ adapter: 'memory', schema })
  for (const promise of [db.things.read(7), db.things.create(Symbol('x')), db.things.list(5), db.things.count({ signal: 1 })]) {
    await assert.rejects(promise, (error) => error instanceof DBALError)
  }
  await assert.rejects(db.things.count({ signal: AbortSignal.abort() }), { name: 'AbortError' })
})
