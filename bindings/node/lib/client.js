'use strict'

const { port, outcome, later, request, written } = require('./port.js')
const { open, bind, guarded } = require('./database.js')
const { DBALError, invalid } = require('./error.js')
const { optionName } = require('./names.js')
const { Entity, checked, timeoutOf, signalOf } = require('./handle.js')

/** Requests answered by promises: a client, or a transaction. */
class Asks {
  entity(name) {
    return new Entity(this, this.shared.entity(name))
  }

  /** Runs requests in one transaction, all or none; `{ $ref: '0.id' }` is part of an earlier answer. */
  batch(entries, options) {
    return this.ask('batch', '', ['entries'], [entriesOf(this.shared, entries)], options)
  }

  /** Runs one request. Whatever is wrong with it rejects the promise. */
  ask(operation, entity, names, values, options) {
    try {
      this.shared.open()
      checked(options)
      const signal = signalOf(options)
      const text = this.submit(encoded(this.shared, operation, entity, names, values, options), timeoutOf(options))
      return later(this.shared.layouts, text, signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }
}

/** A request in the buffer, names as the contract has them; its length. */
function encoded(shared, operation, entity, names, values, options) {
  if (shared.naming === null) return request(operation, entity, names, values, options)
  const { naming } = shared
  return request(
    operation,
    entity,
    names,
    names.map((name, index) => naming.argument(entity, name, values[index])),
    options && naming.args(entity, options),
  )
}

class DBALClient extends Asks {
  constructor(config) {
    super()
    const { opened, shared } = open(config)
    become(this, opened, shared, new.target)
  }

  asPrincipal(principal) {
    this.shared.open()
    return become({}, bind(this.native, principal), this.shared, this.constructor)
  }

  newest() {
    this.shared.open()
    return become({}, guarded(() => this.native.newest()), this.shared, this.constructor)
  }

  submit(length, timeout) {
    return this.native.submit(length, timeout)
  }

  /** Rows one after the other, read while they are taken. */
  async *stream(entity, query) {
    this.shared.open()
    const signal = signalOf(checked(query))
    const { native, shared } = this
    const begun = native.stream(encoded(shared, 'stream', entity, [], [], query), timeoutOf(query))
    const number = await later(shared.layouts, begun, signal)
    try {
      for (;;) {
        const { rows, ended } = await later(shared.layouts, native.streamNext(number, entity), signal)
        yield* rows
        if (ended) return
      }
    } finally {
      port.closeStream(number, false)
    }
  }

  /** Runs a function in one transaction: what it resolves to is committed, what it rejects with is rolled back. */
  async transaction(work, options) {
    if (typeof work !== 'function') throw invalid([{ field: 'transaction', message: 'expected a function' }])
    this.shared.open()
    const timeout = timeoutOf(checked(options))
    const retries = options?.retries ?? 2
    for (let attempt = 0; ; attempt++) {
      const number = await later(this.shared.layouts, this.native.begin(timeout), signalOf(options))
      try {
        return await within(this, number, work)
      } catch (error) {
        const again = error instanceof DBALError && error.code === 'CONFLICT' && error.reason === 'serialization'
        if (!again || attempt >= retries) throw error
      }
      const most = Math.min(5000, 100 * 2 ** attempt)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * most))
    }
  }

  async explain(asked, principal) {
    this.shared.open()
    return outcome(this.shared.layouts, this.native.explain(explained(this.shared, asked, principal)))
  }

  async migrate() {
    this.shared.open()
    return later(this.shared.layouts, this.native.migrateLater())
  }

  /** Drops and creates every table. */
  async reset(options) {
    this.shared.open()
    confirmed(options)
    return later(this.shared.layouts, this.native.resetLater())
  }

  capabilities() {
    return { ...this.shared.capabilities }
  }

  get warnings() {
    return [...this.shared.warnings]
  }

  async close() {
    closed(this)
  }

  async [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    closed(this)
  }
}

/** A transaction that is open. */
class Transaction extends Asks {
  submit(length) {
    if (this.over) throw new DBALError({ code: 'CONFLICT', reason: 'aborted', message: 'the transaction has ended' })
    return this.native.submitIn(this.number, length)
  }

  ask(...asked) {
    const promise = super.ask(...asked)
    this.running.add(promise)
    const done = () => this.running.delete(promise)
    promise.then(done, done)
    return promise
  }

  stream() {
    throw new DBALError({ code: 'CAPABILITY_NOT_SUPPORTED', message: 'a stream inside a transaction; use findMany' })
  }

  async transaction(work) {
    const number = await later(this.shared.layouts, port.beginIn(this.number))
    return within(this, number, work)
  }
}

/** Runs a function with a transaction in its hands, then ends it. */
async function within(client, number, work) {
  const transaction = Object.create(client.shared.prototype(Transaction))
  const own = { shared: client.shared, native: client.native, number, running: new Set(), over: false }
  for (const name of Object.keys(own)) Object.defineProperty(transaction, name, { value: own[name], writable: true })
  const end = async (commit) => {
    // What nobody awaited belongs to the transaction all the same.
    while (transaction.running.size > 0) await Promise.allSettled([...transaction.running])
    transaction.over = true
    await later(client.shared.layouts, port.end(number, commit))
  }
  let result
  try {
    result = await work(transaction)
  } catch (error) {
    // The error that undid it says more than one of undoing it.
    await end(false).catch(() => {})
    throw error
  }
  await end(true)
  return result
}

function become(client, opened, shared, of) {
  Object.defineProperty(client, 'native', { value: opened, writable: true, configurable: true })
  Object.defineProperty(client, 'shared', { value: shared })
  return Object.setPrototypeOf(client, shared.prototype(of))
}

/** The entries of a batch as the contract spells them; what is no entry is for the engine to report. */
function entriesOf(shared, entries) {
  if (!Array.isArray(entries)) return entries
  return entries.map((entry) => {
    if (typeof entry !== 'object' || entry === null || Object.getPrototypeOf(entry) !== Object.prototype) return entry
    const made = {}
    for (const key of Object.keys(entry)) {
      const name = typeof entry.entity === 'string' ? shared.entity(entry.entity) : entry.entity
      if (key === 'operation') made.operation = operationName(entry.operation)
      else if (key === 'entity') made.entity = name
      else made[optionName(key)] = shared.naming ? shared.naming.argument(name, key, entry[key]) : entry[key]
    }
    return made
  })
}

/** `findMany` as `find_many`. */
function operationName(name) {
  return typeof name === 'string' ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : name
}

function explained(shared, request, principal) {
  checked(request)
  const asked = entriesOf(shared, [request])[0]
  const { operation, entity, ...args } = asked
  return written(principal ?? null, { name: operation, entity, args })
}

function confirmed(options) {
  if (options?.confirm !== true) {
    throw invalid([{ field: 'confirm', message: 'reset removes every row; say { confirm: true }' }])
  }
}

function closed(client) {
  client.shared.closed = true
  client.native.close()
}

module.exports = { DBALClient, become, encoded, entriesOf, explained, confirmed, closed }
