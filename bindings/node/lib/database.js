'use strict'

// What every client on one opened database shares: its catalogue, its layouts, whether it is open.

const { existsSync } = require('node:fs')
const { native, port, written } = require('./port.js')
const { Layouts } = require('./decode.js')
const { DBALError, invalid, thrown } = require('./error.js')
const { camel } = require('./names.js')
const { Renamed } = require('./naming.js')
const { withHandles } = require('./handle.js')

class Shared {
  constructor(opened, naming) {
    const told = JSON.parse(opened.describe())
    this.capabilities = told.capabilities
    this.warnings = told.warnings
    this.naming = naming === 'camelCase' ? new Renamed(told.entities) : null
    this.entities = told.entities.map(({ name, plural }) => ({ name, handle: this.naming ? camel(plural) : plural }))
    this.layouts = new Layouts(
      (id) => opened.layout(id),
      this.naming ? (entity, name) => this.naming.out(entity, name) : (_, name) => name,
    )
    this.closed = false
    this.prototypes = new Map()
  }

  /** The prototype of a class with a handle for each entity. */
  prototype(of) {
    let made = this.prototypes.get(of)
    if (made === undefined) this.prototypes.set(of, (made = withHandles(of.prototype, this.entities)))
    return made
  }

  /** The name of the entity that a name or a handle means; unknown ones are for the engine to report. */
  entity(name) {
    if (typeof name !== 'string') throw invalid([{ field: 'entity', message: 'expected a name' }])
    return this.entities.find((entity) => entity.handle === name)?.name ?? name
  }

  open() {
    if (this.closed) throw new DBALError({ code: 'INTERNAL_ERROR', message: 'the client was closed' })
  }
}

/** Opens what the options say. */
function open(config) {
  if (typeof config !== 'object' || config === null) {
    throw invalid([{ field: 'config', message: 'expected { database: { url }, schema }' }])
  }
  const { naming, ...options } = config
  if (naming !== undefined && naming !== 'declared' && naming !== 'camelCase') {
    throw invalid([{ field: 'naming', message: 'expected declared or camelCase' }])
  }
  if (options.endpoint === undefined && options.database === undefined && options.adapter !== 'memory') {
    if (process.env.DBAL_ENDPOINT) options.endpoint = process.env.DBAL_ENDPOINT
    else if (process.env.DATABASE_URL) options.database = { url: process.env.DATABASE_URL }
  }
  if (options.endpoint === undefined && options.schema === undefined && existsSync('./api/schema')) {
    options.schema = './api/schema'
  }
  return guarded(() => {
    const opened = native.Database.open(port, written(options))
    return { opened, shared: new Shared(opened, naming) }
  })
}

/** The same database for a principal. */
function bind(opened, principal) {
  return guarded(() => opened.bind(written(principal)))
}

function guarded(work) {
  try {
    return work()
  } catch (error) {
    throw thrown(error)
  }
}

module.exports = { open, bind, guarded }
