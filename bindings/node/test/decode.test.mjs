// The decoder on its own: rows that no contract can make today are made of slots by hand.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'

const decode = createRequire(import.meta.url)('../lib/decode.js')

/** The rows of slots behind the head, all of one layout. */
function rows(names, kinds, count, cells, text = '') {
  const slots = decode.attach(new ArrayBuffer(8 * (16 + cells.length)))
  slots.set(cells, 16)
  const layouts = new decode.Layouts(() => JSON.stringify({ entity: 'X', names, kinds }), (_, name) => name)
  return decode.rows(layouts, count, 1, text, 0)
}

test('a column called __proto__ is a property like any other, and no prototype', () => {
  const many = 300
  for (const kinds of [[0, 2], [10, 2]]) {
    const cell = kinds[0] === 10 ? [0, 7] : [7]
    // More than the rows after which other layouts get a decoder written out.
    const made = rows(['__proto__', 'b'], kinds, many, Array.from({ length: many }, (_, i) => [0, ...cell, i + 1]).flat(), 'x'.repeat(many))
    assert.equal(made.length, many)
    for (const row of made) {
      assert.deepEqual(Object.entries(row), [['__proto__', 7], ['b', 'x']])
      assert.equal(Object.getPrototypeOf(row), Object.prototype)
    }
  }
  assert.equal({}.b, undefined)
})

test('the decoder that is written out gives what the other one gives', () => {
  const kinds = [0, 1, 2, 3]
  const names = ['n', 'b"\\', 't', 'constructor']
  let text = ''
  const slots = []
  for (let i = 0; i < 500; i++) {
    if (i % 3 === 0) slots.push(0b0101, 1, 1000 + i)
    else slots.push(0, i, 0, (text += 'ab').length, 1000)
  }
  const few = rows(names, kinds, 3, slots, text)
  const all = rows(names, kinds, 500, slots, text)
  assert.deepEqual(all.slice(0, 3), few)
  assert.deepEqual(all[3], { n: null, 'b"\\': true, t: null, constructor: new Date(1003) })
  assert.deepEqual(all[499], { n: 499, 'b"\\': false, t: 'ab', constructor: new Date(1000) })
})

test('json keeps names and numbers, however long', () => {
  const told = '{"__proto__":{"a":12345678901234567890},"b":[1,9007199254740993]}'
  const [row] = rows(['doc'], [6], 1, [0, -told.length - 1], told)
  assert.equal(Object.getPrototypeOf(row.doc), Object.prototype)
  assert.deepEqual(Object.keys(row.doc), ['__proto__', 'b'])
  assert.equal(row.doc.b[1], 9007199254740993n)
  assert.equal(Object.getOwnPropertyDescriptor(row.doc, '__proto__').value.a, 12345678901234567890n)
})
