'use strict'

const { port, outcome } = require('./port.js')
const { open, bind, guarded } = require('./database.js')
const { DBALError, invalid } = require('./error.js')
const { Entity, checked, timeoutOf } = require('./handle.js')
const { become, encoded, entriesOf, explained, confirmed, closed } = require('./client.js')

/** Requests answered at once: a client, or a transaction. */
class Asks {
  entity(name) {
    return new Entity(this, this.shared.entity(name))
  }

  /** Runs requests in one transaction, all or none; `{ $ref: '0.id' }` is part of an earlier answer. */
  batch(entries, options) {
    return this.ask('batch', '', ['entries'], [entriesOf(this.shared, entries)], options)
  }

  ask(operation, entity, names, values, options) {
    this.shared.open()
    checked(options)
    const length = encoded(this.shared, operation, entity, names, values, options)
    return outcome(this.shared.layouts, this.run(length, timeoutOf(options)))
  }

  /** Runs a function in one transaction: what it returns is committed, what it throws is rolled back. */
  transaction(work, options) {
    if (typeof work !== 'function') throw invalid([{ field: 'transaction', message: 'expected a function' }])
    this.shared.open()
    let result
    let failure
    guarded(() =>
      this.begin((number) => {
        // It may be run again.
        failure = undefined
        try {
          result = work(become({}, number, this.shared, SyncTransaction))
          if (typeof result?.then !== 'function') return true
          failure = { error: invalid([{ field: 'transaction', message: 'expected a function that is not async' }]) }
        } catch (error) {
          failure = { error }
        }
        return false
      }, timeoutOf(checked(options)), options?.retries ?? 2),
    )
    if (failure !== undefined) throw failure.error
    return result
  }
}

class SyncClient extends Asks {
  asPrincipal(principal) {
    this.shared.open()
    return become({}, bind(this.native, principal), this.shared, this.constructor)
  }

  newest() {
    this.shared.open()
    return become({}, guarded(() => this.native.newest()), this.shared, this.constructor)
  }

  run(length, timeout) {
    return this.native.execute(length, timeout)
  }

  begin(callback, timeout, retries) {
    this.native.transaction(callback, timeout, retries)
  }

  *stream(entity, query) {
    this.shared.open()
    checked(query)
    const { native, shared } = this
    const number = outcome(shared.layouts, native.rows(encoded(shared, 'stream', entity, [], [], query), timeoutOf(query)))
    try {
      for (;;) {
        const { rows, ended } = outcome(shared.layouts, native.rowsNext(number, entity))
        yield* rows
        if (ended) return
      }
    } finally {
      port.closeStream(number, true)
    }
  }

  explain(asked, principal) {
    this.shared.open()
    return outcome(this.shared.layouts, this.native.explain(explained(this.shared, asked, principal)))
  }

  migrate() {
    this.shared.open()
    return outcome(this.shared.layouts, this.native.migrate())
  }

  reset(options) {
    this.shared.open()
    confirmed(options)
    return outcome(this.shared.layouts, this.native.reset())
  }

  capabilities() {
    return { ...this.shared.capabilities }
  }

  get warnings() {
    return [...this.shared.warnings]
  }

  close() {
    closed(this)
  }

  [Symbol.dispose ?? Symbol.for('Symbol.dispose')]() {
    closed(this)
  }
}

/** A transaction in the hands of a callback; `native` is its number, of no use once the callback has returned. */
class SyncTransaction extends Asks {
  run(length) {
    return port.executeLent(this.native, length)
  }

  begin(callback) {
    port.transactionLent(this.native, callback)
  }

  stream() {
    throw new DBALError({ code: 'CAPABILITY_NOT_SUPPORTED', message: 'a stream inside a transaction; use findMany' })
  }
}

/** Opens a client whose methods answer at once, on the calling thread. */
function openSync(config) {
  const { opened, shared } = open(config)
  return become({}, opened, shared, SyncClient)
}

module.exports = { openSync, SyncClient }
