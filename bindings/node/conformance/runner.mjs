// Speaks the lines of `dbal_conformance::process`: `node conformance.mjs promises` or `... sync`.
import { readSync, writeSync } from 'node:fs'
import { DBALClient, openSync, DBALError } from '../index.mjs'

const sync = process.argv[2] === 'sync'
const POSITIONAL = {
  create: ['data'], create_many: ['data'], read: ['id'], update: ['id', 'data'], delete: ['id'], upsert_many: ['data'],
  distinct: ['field'], call: ['name', 'input'],
}
const CAMEL = ['group_by', 'if_version', 'count_distinct']
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())

let rest = Buffer.alloc(0)
function readLine() {
  for (;;) {
    const end = rest.indexOf(10)
    if (end >= 0) {
      const line = rest.subarray(0, end).toString()
      rest = rest.subarray(end + 1)
      return line
    }
    const chunk = Buffer.alloc(1 << 16)
    const length = readSync(0, chunk)
    if (length === 0) process.exit(0)
    rest = Buffer.concat([rest, chunk.subarray(0, length)])
  }
}

function answer(told) {
  const bytes = Buffer.from(`${JSON.stringify(told)}\n`)
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at)
}

function given(value) {
  if (Array.isArray(value)) return value.map(given)
  if (typeof value !== 'object' || value === null) return value
  if ('$map' in value) {
    const map = {}
    for (const [name, inner] of value.$map) Object.defineProperty(map, name, { value: given(inner), enumerable: true })
    return map
  }
  if ('$bigint' in value) return BigInt(value.$bigint)
  if ('$float' in value) return value.$float === 'inf' ? Infinity : value.$float === '-inf' ? -Infinity : Number(value.$float)
  if ('$datetime' in value) return new Date(value.$datetime)
  if ('$bytes' in value) return new Uint8Array(Buffer.from(value.$bytes, 'base64'))
  return undefined
}

function shown(value) {
  if (Array.isArray(value)) return value.map(shown)
  if (typeof value === 'bigint') return { $bigint: String(value) }
  if (value instanceof Date) return { $datetime: value.getTime() }
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') }
  if (typeof value !== 'object' || value === null) return value
  return { $map: Object.entries(value).map(([name, inner]) => [name, shown(inner)]) }
}

const ENVELOPE = { hasMore: 'has_more', nextCursor: 'next_cursor', prevCursor: 'prev_cursor', countDistinct: 'count_distinct' }
function contract(value, operation, entries) {
  if (operation === 'batch') return value.map((answered, index) => contract(answered, entries[index].operation))
  // What a call answers is a page only if its body asked for one.
  const page = operation === 'list' || (operation === 'call' && value !== null && typeof value === 'object' && 'hasMore' in value)
  if (!page && operation !== 'aggregate') return value
  if (Array.isArray(value)) return value.map((group) => contract(group, operation))
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [ENVELOPE[name] ?? name, inner]))
}

function ask(client, { operation, entity, args }) {
  const named = given(args)
  const positional = POSITIONAL[operation] ?? []
  const options = optionsOf(named, positional)
  if (operation === 'batch') {
    const isEntry = (entry) => typeof entry === 'object' && entry !== null && !Array.isArray(entry)
    const entries = Array.isArray(named.entries)
      ? named.entries.map((entry) => (isEntry(entry) ? optionsOf(entry, []) : entry))
      : named.entries
    return client.batch(entries, optionsOf(named, ['entries']))
  }
  const answered = client.entity(entity)[camel(operation)](...positional.map((name) => named[name]), options)
  if (operation !== 'stream') return answered
  return sync ? [...answered] : gathered(answered)
}

function optionsOf(named, positional) {
  const options = {}
  for (const name of Object.keys(named)) {
    if (!positional.includes(name)) options[CAMEL.includes(name) ? camel(name) : name] = named[name]
  }
  return options
}

async function gathered(rows) {
  const all = []
  for await (const row of rows) all.push(row)
  return all
}

function told(error) {
  if (!(error instanceof DBALError)) return { error: { code: 'NO DBALError', message: String(error?.stack), fields: [] } }
  return { error: { code: error.code, message: error.message, reason: error.reason, fields: error.fields } }
}

const bound = (client, caller) => (caller === null ? client : client.asPrincipal(given(caller)))
const ROLL_BACK = new Error('as the case wants')

/** Does what the lines say, until the transaction it stands in ends. Each `yield` is something that may be a promise. */
function* serve(stack) {
  for (;;) {
    const line = JSON.parse(readLine())
    try {
      if (line.do === 'open') {
        const config = { database: { url: line.url }, schema: line.schema, timeout: 20_000 }
        if (line.rules !== null) config.acl = { rules: line.rules }
        stack[0] = sync ? openSync(config) : new DBALClient(config)
        answer({ value: null })
      } else if (line.do === 'close') {
        yield stack[0]?.close()
        answer({ value: null })
      } else if (line.do === 'run') {
        const client = line.depth === 0 ? bound(stack[0], line.caller) : stack[line.depth]
        answer({ value: shown(contract(yield ask(client, line), line.operation, given(line.args).entries)) })
      } else if (line.do === 'begin') {
        const outer = stack.length === 1 ? bound(stack[0], line.caller) : stack.at(-1)
        yield outer.transaction((inside) => {
          answer({ value: null })
          return drive(serve([...stack, inside]))
        })
        answer({ value: null })
      } else if (line.do === 'end') {
        if (!line.commit) throw ROLL_BACK
        return
      }
    } catch (error) {
      if (error === ROLL_BACK && line.do === 'end') throw error
      answer(error === ROLL_BACK ? { value: null } : told(error))
    }
  }
}

/** Runs a generator to its end, waiting for promises where there are any. */
function drive(steps, how = 'next', value) {
  for (;;) {
    const { done, value: step } = steps[how](value)
    if (done) return step
    if (typeof step?.then === 'function') {
      return step.then((result) => drive(steps, 'next', result), (error) => drive(steps, 'throw', error))
    }
    how = 'next'
    value = step
  }
}

await drive(serve([]))
