// Written by `cargo xtask codegen` from bindings/node/lib/handle.js. Do not edit.

import { invalid } from './error.mjs'

const NONE = []
const ID = ['id']
const DATA = ['data']
const ID_DATA = ['id', 'data']
const FIELD = ['field']

/**
 * One entity, as a client or a transaction sees it. Its methods answer with promises or, on the synchronous face, at
 * once: `on.ask` decides.
 */
class Entity {
  constructor(on, name) {
    this.on = on
    this.name = name
  }

  create(data, options) {
    return this.on.ask('create', this.name, DATA, [data], options)
  }

  createMany(rows, options) {
    return this.on.ask('create_many', this.name, DATA, [rows], options)
  }

  read(id, options) {
    return this.on.ask('read', this.name, ID, [id], options)
  }

  update(id, patch, options) {
    return this.on.ask('update', this.name, ID_DATA, [id, patch], options)
  }

  updateMany(query) {
    return this.on.ask('update_many', this.name, NONE, NONE, query)
  }

  delete(id, options) {
    return this.on.ask('delete', this.name, ID, [id], options)
  }

  deleteMany(query) {
    return this.on.ask('delete_many', this.name, NONE, NONE, query)
  }

  upsert(query) {
    return this.on.ask('upsert', this.name, NONE, NONE, query)
  }

  upsertMany(rows, options) {
    return this.on.ask('upsert_many', this.name, DATA, [rows], options)
  }

  list(query) {
    return this.on.ask('list', this.name, NONE, NONE, query)
  }

  findMany(query) {
    return this.on.ask('find_many', this.name, NONE, NONE, query)
  }

  first(query) {
    return this.on.ask('first', this.name, NONE, NONE, query)
  }

  count(query) {
    return this.on.ask('count', this.name, NONE, NONE, query)
  }

  distinct(field, query) {
    return this.on.ask('distinct', this.name, FIELD, [field], query)
  }

  aggregate(query) {
    return this.on.ask('aggregate', this.name, NONE, NONE, query)
  }

  stream(query) {
    return this.on.stream(this.name, query)
  }

  call(operation, input, options) {
    return this.on.ask('call', this.name, ['name', 'input'], [operation, input], options)
  }
}

/** Options of a call: an object, or nothing. */
function checked(options) {
  if (options === undefined || (typeof options === 'object' && options !== null && !Array.isArray(options))) {
    return options
  }
  throw invalid([{ field: 'options', message: 'expected an object' }])
}

/** The milliseconds that a call may take; below zero: what the client says. */
function timeoutOf(options) {
  const timeout = options?.timeout
  if (timeout === undefined) return -1
  if (typeof timeout === 'number' && timeout >= 0) return timeout
  throw invalid([{ field: 'timeout', message: 'expected milliseconds' }])
}

function signalOf(options) {
  const signal = options?.signal
  if (signal === undefined) return undefined
  if (typeof signal !== 'object' || signal === null || typeof signal.aborted !== 'boolean') {
    throw invalid([{ field: 'signal', message: 'expected an AbortSignal' }])
  }
  if (signal.aborted) throw signal.reason
  return signal
}

/** Puts a handle for each entity on a client's or a transaction's prototype, under its plural. */
function withHandles(prototype, entities) {
  const own = Object.create(prototype)
  for (const { handle, name } of entities) {
    if (handle in prototype) continue
    Object.defineProperty(own, handle, {
      configurable: true,
      get() {
        const entity = new Entity(this, name)
        Object.defineProperty(this, handle, { value: entity, configurable: true })
        return entity
      },
    })
  }
  return own
}

export { Entity, checked, timeoutOf, signalOf, withHandles }
