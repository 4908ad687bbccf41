'use strict'

// The border to native code: one per environment, so worker threads have their own.

const native = require('./native.js')
const encode = require('./encode.js')
const decode = require('./decode.js')
const { DBALError } = require('./error.js')
const { optionName, outName } = require('./names.js')

// Slots of an answer's head; `src/port.rs` has the same numbers.
const STATUS = 0
const SHAPE = 1
const ROWS = 2
const LAYOUT = 3
const MORE = 4
const NEEDED = 5
const TASK = 6
const NUMBER = 7
const TOTAL = 8
const PAGE = 9
const LIMIT = 10
const HAS_MORE = 11
const NEXT = 12
const PREV = 13

let head = decode.attach(new ArrayBuffer(8 * (20 << 10)))
const port = new native.Port(encode.attach((larger) => port.setInput(larger)), new BigUint64Array(head.buffer), settle)

/** What is in flight, by number. */
const waiting = new Map()
// Something in flight keeps the process alive; nothing else does.
const alive = setInterval(() => {}, 0x7fffffff)
alive.unref()

/** Called when something in flight is done. */
function settle() {
  for (;;) {
    const text = port.next()
    if (text === null) return
    const id = head[TASK]
    const waiter = waiting.get(id)
    if (waiter === undefined) continue
    forget(id)
    waiter.cleanUp?.()
    try {
      waiter.resolve(outcome(waiter.layouts, text))
    } catch (error) {
      waiter.reject(error)
    }
  }
}

function forget(id) {
  waiting.delete(id)
  if (waiting.size === 0) alive.unref()
}

/** What native code answered. */
function outcome(layouts, text) {
  switch (head[STATUS]) {
    case 0:
      return answer(layouts, text)
    case 1:
      throw new DBALError(JSON.parse(text))
    case 2:
      return JSON.parse(text)
    case 3:
      return head[NUMBER]
    case 6: {
      const answers = new Array(head[NUMBER])
      for (let i = 0; i < answers.length; i++) answers[i] = outcome(layouts, port.entry())
      return answers
    }
    default:
      return undefined
  }
}

function answer(layouts, text) {
  const shape = head[SHAPE]
  if (shape === 4) return head[NUMBER]
  if (shape === 5) return { count: head[NUMBER] }
  if (shape === 9) return true
  const page = shape === 3 ? envelope(text) : undefined
  const ended = head[NUMBER]
  let rows = decode.rows(layouts, head[ROWS], head[LAYOUT], page === undefined ? text : text.slice(page.skip), 0)
  if (head[MORE] !== 0) rows = rest(layouts, rows)
  switch (shape) {
    case 0:
      return rows[0]
    case 1:
      return rows.length > 0 ? rows[0] : null
    case 3: {
      const { skip, ...shown } = page
      return { data: rows, ...shown }
    }
    case 6:
      return rows.map((row) => Object.values(row)[0])
    case 7:
      return nested(rows[0])
    case 8:
      return rows.map(nested)
    case 11:
      return Object.values(rows[0])[0]
    case 10:
      return { rows, ended: ended === 1 }
    default:
      return rows
  }
}

function rest(layouts, rows) {
  while (head[MORE] !== 0) {
    if (head[NEEDED] > head.length) {
      head = decode.attach(new ArrayBuffer(8 * Math.ceil(head[NEEDED] * 1.5)))
      port.setOutput(new BigUint64Array(head.buffer))
    }
    const text = port.take()
    const more = decode.rows(layouts, head[ROWS], head[LAYOUT], text, 0)
    if (rows.length === 0) rows = more
    else for (let i = 0; i < more.length; i++) rows.push(more[i])
  }
  return rows
}

function envelope(text) {
  const next = head[NEXT]
  const prev = head[PREV]
  const before = Math.max(next, 0)
  const total = head[TOTAL]
  return {
    skip: before + Math.max(prev, 0),
    total: total === total ? total : null,
    page: head[PAGE],
    limit: head[LIMIT],
    hasMore: head[HAS_MORE] === 1,
    nextCursor: next < 0 ? null : text.slice(0, next),
    prevCursor: prev < 0 ? null : text.slice(before, before + prev),
  }
}

/** `sum.price` is `price` inside `sum`. */
function nested(row) {
  const made = {}
  for (const name of Object.keys(row)) {
    const dot = name.indexOf('.')
    if (dot < 0) made[name] = row[name]
    else (made[outName(name.slice(0, dot))] ??= {})[name.slice(dot + 1)] = row[name]
  }
  return made
}

/** A promise of what native code has begun; given up when the signal says so. */
function later(layouts, text, signal) {
  if (head[STATUS] !== 5) {
    try {
      return Promise.resolve(outcome(layouts, text))
    } catch (error) {
      return Promise.reject(error)
    }
  }
  const id = head[TASK]
  return new Promise((resolve, reject) => {
    if (waiting.size === 0) alive.ref()
    if (signal === undefined) {
      waiting.set(id, { resolve, reject, layouts, cleanUp: undefined })
      return
    }
    const abort = () => {
      forget(id)
      port.cancel(id)
      reject(signal.reason)
    }
    signal.addEventListener('abort', abort, { once: true })
    waiting.set(id, { resolve, reject, layouts, cleanUp: () => signal.removeEventListener('abort', abort) })
  })
}

/** Writes a request: arguments by name, then the options of the caller. Gives its length. */
function request(operation, entity, names, values, options) {
  encode.start()
  try {
    encode.text(operation)
    encode.text(entity)
    const keys = options === undefined ? NONE : Object.keys(options)
    let asked = 0
    for (let i = 0; i < names.length; i++) if (values[i] !== undefined) asked++
    for (let i = 0; i < keys.length; i++) if (!local(keys[i])) asked++
    encode.count(encode.MAP, asked)
    for (let i = 0; i < names.length; i++) {
      // An argument that was not given is missing, which the engine says better than anybody.
      if (values[i] === undefined) continue
      encode.text(names[i])
      encode.value(values[i])
    }
    for (let i = 0; i < keys.length; i++) {
      if (local(keys[i])) continue
      encode.text(optionName(keys[i]))
      encode.value(options[keys[i]])
    }
  } catch (error) {
    const { signal, timeout, ...args } = options ?? {}
    names.forEach((name, index) => (args[name] = values[index]))
    encode.end()
    throw encode.told(error, [args])
  }
  return encode.end()
}

const NONE = []

/** Options that the engine is not asked. */
function local(name) {
  return name === 'signal' || name === 'timeout'
}

/** Writes one value, or several after each other. */
function written(...values) {
  encode.start()
  try {
    values.forEach((value) => encode.value(value))
  } catch (error) {
    encode.end()
    throw encode.told(error, values)
  }
  return encode.end()
}

module.exports = { native, port, outcome, later, request, written }
