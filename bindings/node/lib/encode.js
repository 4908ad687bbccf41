'use strict'

// Writes requests into one buffer that native code reads (`src/value.rs`): a tag, then what the tag says. Nothing of a
// program's objects crosses the border, so what they do when they are read is decided here: own enumerable properties,
// each read once; what has no meaning is refused, never dropped.

const { types } = require('node:util')
const { invalid } = require('./error.js')

const NULL = 0
const UNDEFINED = 1
const FALSE = 2
const TRUE = 3
const INT = 4
const FLOAT = 5
const LONG = 6
const TEXT = 7
const BYTES = 8
const DATE = 9
const LIST = 10
const MAP = 11

const MAX_DEPTH = 1000

let bytes = Buffer.from(new ArrayBuffer(1 << 16))
let view = new DataView(bytes.buffer)
let at = 0
let depth = 0
let busy = false
let grown = () => {}

/** A value that cannot be sent. Where it stands is looked up afterwards, off the quick path. */
class Refused extends Error {}

/** Says who must know that the buffer was replaced, and gives the first one. */
function attach(whenGrown) {
  grown = whenGrown
  return bytes
}

function room(more) {
  if (at + more <= bytes.length) return
  const larger = Buffer.from(new ArrayBuffer(Math.max(bytes.length * 2, at + more)))
  bytes.copy(larger, 0, 0, at)
  bytes = larger
  view = new DataView(bytes.buffer)
  grown(bytes)
}

function count(tag, number) {
  room(5)
  bytes[at] = tag
  view.setUint32(at + 1, number, true)
  at += 5
}

/** The bytes of a text behind their number. */
function text(string) {
  const length = string.length
  room(4 + length * 3)
  const start = at + 4
  if (length <= 64) {
    let i = 0
    for (; i < length; i++) {
      const code = string.charCodeAt(i)
      if (code > 127) break
      bytes[start + i] = code
    }
    if (i === length) {
      view.setUint32(at, length, true)
      at = start + length
      return
    }
  }
  if (!string.isWellFormed()) throw new Refused()
  const written = bytes.write(string, start, 'utf8')
  view.setUint32(at, written, true)
  at = start + written
}

// Comparisons with `typeof`, not a switch over it: the engine compiles those to a look at the value's kind.
function value(given) {
  if (typeof given === 'string') {
    room(1)
    bytes[at++] = TEXT
    text(given)
  } else if (typeof given === 'number') {
    number(given)
  } else if (typeof given === 'object') {
    if (given !== null) return object(given)
    room(1)
    bytes[at++] = NULL
  } else if (typeof given === 'boolean') {
    room(1)
    bytes[at++] = given ? TRUE : FALSE
  } else if (given === undefined) {
    room(1)
    bytes[at++] = UNDEFINED
  } else if (typeof given === 'bigint') {
    if (BigInt.asIntN(64, given) !== given) throw new Refused()
    long(given)
  } else {
    throw new Refused()
  }
}

function number(given) {
  room(9)
  if ((given | 0) === given) {
    bytes[at] = INT
    view.setInt32(at + 1, given, true)
    at += 5
  } else if (Number.isSafeInteger(given)) {
    long(BigInt(given))
  } else {
    bytes[at] = FLOAT
    view.setFloat64(at + 1, given, true)
    at += 9
  }
}

function long(given) {
  room(9)
  bytes[at] = LONG
  view.setBigInt64(at + 1, given, true)
  at += 9
}

function object(given) {
  const prototype = Object.getPrototypeOf(given)
  if (prototype === Object.prototype || prototype === null) return map(given)
  if (Array.isArray(given)) return list(given)
  if (types.isDate(given)) {
    const time = Date.prototype.getTime.call(given)
    if (time !== time) throw new Refused()
    room(9)
    bytes[at] = DATE
    view.setFloat64(at + 1, time, true)
    at += 9
    return
  }
  if (types.isUint8Array(given)) {
    count(BYTES, given.length)
    room(given.length)
    bytes.set(given, at)
    at += given.length
    return
  }
  // The plain objects of another realm.
  if (isPlain(given)) return map(given)
  throw new Refused()
}

function isPlain(given) {
  const prototype = Object.getPrototypeOf(given)
  return (
    prototype === null ||
    prototype === Object.prototype ||
    (Object.getPrototypeOf(prototype) === null && !types.isProxy(given) && !Array.isArray(given))
  )
}

function list(given) {
  if (++depth > MAX_DEPTH) throw new Refused()
  const length = given.length
  count(LIST, length)
  for (let i = 0; i < length; i++) value(given[i])
  depth--
}

function map(given) {
  if (++depth > MAX_DEPTH) throw new Refused()
  const keys = Object.keys(given)
  if (Object.getOwnPropertySymbols(given).length > 0) throw new Refused()
  count(MAP, keys.length)
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]
    text(key)
    value(given[key])
  }
  depth--
}

/** Before anything is written. Whatever comes of it, `end` follows. */
function start() {
  if (busy) throw invalid([{ field: 'request', message: 'a getter in a request may not make one of its own' }])
  busy = true
  at = 0
  depth = 0
}

/** How much was written. */
function end() {
  busy = false
  return at
}

/** What a caller is told when writing was given up: of values that cannot be sent, where they stand. */
function told(error, given) {
  return error instanceof Refused ? invalid(faultsOf(given)) : error
}

/** Everything in a value that cannot be sent. */
function refused(given, path, found, inside) {
  const add = (message) => found.push({ field: path, message })
  switch (typeof given) {
    case 'symbol':
      return add('a symbol is no value')
    case 'function':
      return add('a function is no value')
    case 'string':
      if (!given.isWellFormed()) add('half of a surrogate pair; text is Unicode')
      return
    case 'bigint':
      if (BigInt.asIntN(64, given) !== given) add('outside of 64 bits')
      return
    case 'object':
      break
    default:
      return
  }
  if (given === null || types.isUint8Array(given)) return
  if (types.isDate(given)) {
    if (Number.isNaN(Date.prototype.getTime.call(given))) add('an invalid Date')
    return
  }
  if (inside.includes(given)) return add('contains itself')
  if (inside.length >= MAX_DEPTH) {
    found.push({ field: path.replace(/^data\./, '').split('.')[0], message: `a depth of more than ${MAX_DEPTH}` })
    return
  }
  inside.push(given)
  if (Array.isArray(given)) {
    given.forEach((item, index) => refused(item, `${path}.${index}`, found, inside))
  } else if (!isPlain(given)) {
    add(`expected plain data, not an instance of ${Object.getPrototypeOf(given)?.constructor?.name || 'a class'}`)
  } else {
    for (const symbol of Object.getOwnPropertySymbols(given)) {
      found.push({ field: path, message: `a property named by a symbol (${String(symbol)}) has no meaning` })
    }
    for (const key of Object.keys(given)) {
      if (!key.isWellFormed()) found.push({ field: path, message: 'a name that is not Unicode text' })
      refused(given[key], path ? `${path}.${key}` : key, found, inside)
    }
  }
  inside.pop()
}

/** The faults of what was to be written: fields of data are called by their own names. */
function faultsOf(given) {
  const found = []
  for (const value of given) refused(value, '', found, [])
  for (const fault of found) fault.field = fault.field.replace(/^data\./, '') || 'request'
  return found.length > 0 ? found : [{ field: 'request', message: 'it changed while it was read' }]
}

module.exports = { attach, count, text, value, start, end, told, MAP }
