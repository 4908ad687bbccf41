// The client of a daemon in plain JavaScript: what the native half is in Node, over a wire.
import { endpointOf } from './endpoint.mjs'
import { encode } from './encode.mjs'
import { Http } from './http.mjs'
import { Identity } from './identity.mjs'
import { Socket } from './socket.mjs'
import { Typed } from './typed.mjs'
import { DBALError, invalid } from './shared/error.mjs'
import { Entity, checked, signalOf, timeoutOf } from './shared/handle.mjs'
import { camel, optionName } from './shared/names.mjs'
import { Renamed } from './shared/naming.mjs'

const OPTIONS = ['mode', 'adapter', 'endpoint', 'auth', 'naming', 'timeout', 'transport', 'retryWrites', 'schema', 'database', 'WebSocket', 'fetch']
const READS = new Set(['read', 'list', 'find_many', 'first', 'count', 'distinct', 'aggregate', 'stream'])
const ROWS = new Set(['create', 'read', 'update', 'upsert', 'upsert_many', 'list', 'find_many', 'first', 'distinct', 'aggregate'])

/** What all handles of one client share. */
class Shared {
  constructor(config) {
    if (typeof config !== 'object' || config === null) throw invalid([{ field: 'config', message: 'expected { endpoint }' }])
    const faults = Object.keys(config)
      .filter((name) => !OPTIONS.includes(name))
      .map((field) => ({ field, message: `unknown option; expected one of ${OPTIONS.slice(0, 8).join(', ')}` }))
    const { mode, naming, timeout, transport = 'auto' } = config
    if (mode !== undefined && mode !== 'development' && mode !== 'production') faults.push({ field: 'mode', message: 'expected development or production' })
    if (naming !== undefined && naming !== 'declared' && naming !== 'camelCase') faults.push({ field: 'naming', message: 'expected declared or camelCase' })
    if (!['auto', 'websocket', 'http'].includes(transport)) faults.push({ field: 'transport', message: 'expected auto, websocket or http' })
    if (config.endpoint === undefined) faults.push({ field: 'endpoint', message: 'missing; a database is not opened here: name a daemon, such as localhost:50051' })
    if (faults.length > 0) throw invalid(faults)
    this.timeout = timeoutOf({ timeout })
    this.camel = naming === 'camelCase'
    this.retryWrites = config.retryWrites !== false
    this.naming = null
    this.identity = new Identity(config.auth)
    const place = endpointOf(config.endpoint)
    const WebSocket = config.WebSocket ?? globalThis.WebSocket
    const fetch = config.fetch ?? globalThis.fetch?.bind(globalThis)
    this.http = new Http(place.http, this.identity, { fetch })
    this.socket = WebSocket && transport !== 'http' ? new Socket(place.socket, this.identity, this.rename.bind(this), { WebSocket }) : undefined
    if (!this.socket && transport === 'websocket') throw invalid([{ field: 'transport', message: 'there is no WebSocket here' }])
    this.falls = transport === 'auto'
    this.closed = false
  }

  rename(entity, name) {
    return this.naming ? this.naming.out(entity, name) : name
  }

  /** Asks over whatever works: the WebSocket, or HTTP where none could ever be opened. */
  async ask(job) {
    this.open()
    if (!this.socket) return this.http.ask(job)
    try {
      return await this.socket.ask(job)
    } catch (error) {
      const never = this.falls && this.socket.number > 0 && this.socket.granted === undefined && this.socket.failures > 0
      const gone = error.code === 'DATABASE_ERROR' && error.outcome === 'not_applied'
      if (!never || !gone || job.method.startsWith('transaction.')) throw error
      const told = await this.http.ask(job)
      // It answers where a WebSocket does not get through.
      this.socket.close()
      this.socket = undefined
      return told
    }
  }

  /** What the caller may see; read once. */
  catalogue() {
    this.known ??= this.ask({ method: 'schema', kind: 'read' }).then(
      ({ result }) => {
        if (this.camel) this.naming = new Renamed(result.entities.map(forNaming))
        this.entities = result.entities.map(({ name, plural }) => ({ name, handle: this.camel ? camel(plural) : plural }))
        this.typed = new Typed(result.entities, this.rename.bind(this))
      },
      (error) => {
        this.known = undefined
        throw error
      },
    )
    return this.known
  }

  entity(name) {
    if (typeof name !== 'string') throw invalid([{ field: 'entity', message: 'expected a name' }])
    return this.entities?.find((entity) => entity.handle === name)?.name ?? name
  }

  open() {
    if (this.closed) throw new DBALError({ code: 'INTERNAL_ERROR', message: 'the client was closed' })
  }

  deadline(options) {
    const own = timeoutOf(options)
    const timeout = own >= 0 ? own : this.timeout
    return timeout >= 0 ? Date.now() + timeout : undefined
  }
}

function forNaming({ name, fields, relations }) {
  return {
    name,
    fields: Object.fromEntries(fields.map((field) => [field.name, field.type])),
    relations: Object.fromEntries(relations.map((relation) => [relation.name, { entity: relation.target, many: relation.many }])),
  }
}

/** The arguments of a request as the contract spells them. */
function argsOf(shared, entity, names, values, options) {
  const args = {}
  names.forEach((name, i) => {
    if (values[i] !== undefined) args[name] = shared.naming ? shared.naming.argument(entity, name, values[i]) : values[i]
  })
  for (const key of Object.keys(options ?? {})) {
    if (key === 'signal' || key === 'timeout') continue
    args[optionName(key)] = shared.naming ? shared.naming.argument(entity, key, options[key]) : options[key]
  }
  return args
}

/** Requests answered by promises: a client, or a transaction. */
class Asks {
  entity(name) {
    return new Entity(this, this.shared.entity(name))
  }

  batch(entries, options) {
    return this.ask('batch', '', ['entries'], [entries], options)
  }

  /** Says of a job what it is part of. */
  inside() {}

  async ask(operation, entity, names, values, options) {
    const { shared } = this
    shared.open()
    checked(options)
    const signal = signalOf(options)
    const typed = operation === 'batch' || operation === 'call' || !shared.socket
    if (shared.camel || (typed && !shared.typed)) await shared.catalogue()
    entity = shared.entity(entity)
    if (operation === 'batch') values = [entriesOf(shared, values[0])]
    const args = argsOf(shared, entity, names, values, options)
    const body = encode(args)
    const reads = READS.has(operation)
    const job = {
      method: 'request',
      params: `"operation":"${operation}",${operation === 'batch' ? '' : `"entity":${JSON.stringify(entity)},`}"args":${body}`,
      path: operation === 'batch' ? 'batch' : `${encodeURIComponent(entity)}:${operation}`,
      body,
      packed: ROWS.has(operation) || (operation === 'create_many' && args.returning !== false),
      kind: reads ? 'read' : 'write',
      write: !reads && shared.retryWrites,
      deadline: shared.deadline(options),
      signal,
    }
    this.inside(job)
    const told = await shared.ask(job)
    if ('packed' in told) return told.packed
    if (!shared.typed && typeof told.result === 'object' && told.result !== null) await shared.catalogue()
    return shared.typed ? shared.typed.answer(operation, entity, args, told.result) : told.result
  }
}

class DBALClient extends Asks {
  constructor(config) {
    super()
    Object.defineProperty(this, 'shared', { value: new Shared(config) })
    return withHandles(this)
  }

  /** Resolves when the daemon answers; `capabilities` and handles by camelCase names are known from then on. */
  async ready() {
    await this.shared.catalogue()
    const { result } = await this.shared.ask({ method: 'capabilities', kind: 'read' })
    this.shared.capable = result.capabilities
  }

  capabilities() {
    if (!this.shared.capable) throw invalid([{ field: 'capabilities', message: 'not known yet; await client.ready() first' }])
    return { ...this.shared.capable }
  }

  get warnings() {
    return []
  }

  asPrincipal() {
    throw new DBALError({
      code: 'FORBIDDEN',
      message: "a remote client is whoever its credentials say and cannot ask on behalf of another; open one with that caller's token",
    })
  }

  newest() {
    throw new DBALError({ code: 'CAPABILITY_NOT_SUPPORTED', message: 'newest: a daemon chooses itself which copy of the database it reads' })
  }

  async explain() {
    throw trustedOnly('explain')
  }

  async migrate() {
    throw trustedOnly('migrate')
  }

  async reset() {
    throw trustedOnly('reset')
  }

  /** Rows one after the other, read while they are taken. */
  async *stream(entity, query) {
    const { shared } = this
    shared.open()
    const outer = signalOf(checked(query))
    if (shared.camel || !shared.socket) await shared.catalogue()
    entity = shared.entity(entity)
    const body = encode(argsOf(shared, entity, [], [], query))
    const stop = new AbortController()
    const abort = () => stop.abort(outer.reason)
    outer?.addEventListener('abort', abort, { once: true })
    const batches = []
    let wake = () => {}
    let room = () => {}
    let ended
    const job = {
      method: 'stream',
      params: `"entity":${JSON.stringify(entity)},"args":${body}`,
      path: `${encodeURIComponent(entity)}:stream`,
      body,
      packed: true,
      kind: 'read',
      deadline: shared.deadline(query),
      signal: stop.signal,
      onRows: (rows, packed) => {
        batches.push({ rows, packed })
        wake()
        // Over HTTP the next lines are read when these were taken.
        if (!shared.socket) return new Promise((resolve) => (room = resolve))
      },
    }
    const done = shared.ask(job).then(
      () => (ended = {}),
      (error) => (ended = { error }),
    )
    done.then(() => wake())
    try {
      for (;;) {
        while (batches.length > 0) {
          const { rows, packed } = batches.shift()
          if (!packed && !shared.typed) await shared.catalogue()
          yield* packed ? rows : rows.map((row) => shared.typed.row(entity, row))
          if (shared.socket) shared.socket.notify('stream.credit', { id: job.id, credit: 1 })
          room()
        }
        if (ended?.error) throw ended.error
        if (ended) return
        await new Promise((resolve) => {
          wake = resolve
          if (batches.length > 0 || ended) resolve()
        })
      }
    } finally {
      outer?.removeEventListener('abort', abort)
      if (!ended) stop.abort()
      room()
    }
  }

  /** Runs a function in one transaction: what it resolves to is committed, what it rejects with is rolled back. */
  async transaction(work, options) {
    if (typeof work !== 'function') throw invalid([{ field: 'transaction', message: 'expected a function' }])
    const { shared } = this
    shared.open()
    if (shared.camel) await shared.catalogue()
    const signal = signalOf(checked(options))
    const deadline = shared.deadline(options)
    const retries = options?.retries ?? 2
    for (let attempt = 0; ; attempt++) {
      const begun = await shared.ask({ method: 'transaction.begin', kind: 'begin', deadline, signal })
      try {
        return await within(shared, { number: begun.result.transaction, connection: begun.connection, outermost: true, deadline }, work)
      } catch (error) {
        const again = error instanceof DBALError && error.code === 'CONFLICT' && error.reason === 'serialization'
        if (!again || attempt >= retries) throw error
      }
      const most = Math.min(5000, 100 * 2 ** attempt)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * most))
    }
  }

  async close() {
    const { shared } = this
    shared.closed = true
    shared.identity.close()
    shared.socket?.close()
  }

  async [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    await this.close()
  }
}

/** A transaction that is open. */
class Transaction extends Asks {
  constructor(shared, place) {
    super()
    for (const [name, value] of Object.entries({ shared, place, running: new Set(), over: false })) {
      Object.defineProperty(this, name, { value, writable: true })
    }
    return withHandles(this)
  }

  inside(job) {
    if (this.over) throw new DBALError({ code: 'CONFLICT', reason: 'aborted', message: 'the transaction has ended' })
    job.params += `,"transaction":${this.place.number}`
    Object.assign(job, { kind: 'inside', write: false, connection: this.place.connection })
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
    const { number, connection, deadline } = this.place
    const begun = await this.shared.ask({ method: 'transaction.begin', params: `"in":${number}`, kind: 'inside', connection, deadline })
    return within(this.shared, { number: begun.result.transaction, connection, outermost: false, deadline }, work)
  }
}

/** Runs a function with a transaction in its hands, then ends it. */
async function within(shared, place, work) {
  const transaction = new Transaction(shared, place)
  const end = async (method) => {
    // What nobody awaited belongs to the transaction all the same.
    while (transaction.running.size > 0) await Promise.allSettled([...transaction.running])
    transaction.over = true
    const { number, connection, outermost, deadline } = place
    const ends = outermost ? number : undefined
    await shared.ask({ method, params: `"transaction":${number}`, kind: 'inside', ends, connection, deadline })
  }
  let result
  try {
    result = await work(transaction)
  } catch (error) {
    // The error that undid it says more than one of undoing it.
    await end('transaction.rollback').catch(() => {})
    throw error
  }
  await end('transaction.commit')
  return result
}

/** The entries of a batch as the contract spells them; what is no entry is for the daemon to report. */
function entriesOf(shared, entries) {
  if (!Array.isArray(entries)) return entries
  return entries.map((entry) => {
    if (typeof entry !== 'object' || entry === null || Object.getPrototypeOf(entry) !== Object.prototype) return entry
    const name = typeof entry.entity === 'string' ? shared.entity(entry.entity) : entry.entity
    const made = {}
    for (const key of Object.keys(entry)) {
      if (key === 'operation') made.operation = typeof entry.operation === 'string' ? entry.operation.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : entry.operation
      else if (key === 'entity') made.entity = name
      else made[optionName(key)] = shared.naming ? shared.naming.argument(name, key, entry[key]) : entry[key]
    }
    return made
  })
}

/**
 * A handle for whatever is asked for by name: which entities there are is known only when the daemon has answered, and
 * it says of a name that is none what is wrong with it.
 */
function withHandles(client) {
  return new Proxy(client, {
    get(target, name, receiver) {
      if (typeof name !== 'string' || name === 'then' || name === 'toJSON' || name in target) return Reflect.get(target, name, receiver)
      const handle = new Entity(target, name)
      Object.defineProperty(target, name, { value: handle, configurable: true })
      return handle
    },
  })
}

function trustedOnly(what) {
  return new DBALError({ code: 'FORBIDDEN', message: `${what} is for trusted code` })
}

export { DBALClient }
