// Speaks the lines of `dbal_conformance::process` for any of the package's clients, in Node and in browsers. A host
// says where lines come from and go to, and how a client is opened:
// `{ sync, readLine, answer, open(line), bound(client, caller), DBALError }`.
const POSITIONAL = {
  create: ['data'], create_many: ['data'], read: ['id'], update: ['id', 'data'], delete: ['id'], upsert_many: ['data'],
  distinct: ['field'], call: ['name', 'input'],
}
const CAMEL = ['group_by', 'if_version', 'count_distinct']
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())

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
  if ('$bytes' in value) return Uint8Array.from(atob(value.$bytes), (letter) => letter.charCodeAt(0))
  return undefined
}

function shown(value) {
  if (Array.isArray(value)) return value.map(shown)
  if (typeof value === 'bigint') return { $bigint: String(value) }
  if (value instanceof Date) return { $datetime: value.getTime() }
  if (value instanceof Uint8Array) return { $bytes: btoa(String.fromCharCode(...value)) }
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

function ask(sync, client, { operation, entity, args }) {
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

function told(DBALError, error) {
  if (!(error instanceof DBALError)) return { error: { code: 'NO DBALError', message: String(error?.stack), fields: [] } }
  return { error: { code: error.code, message: error.message, reason: error.reason, fields: error.fields } }
}

const ROLL_BACK = new Error('as the case wants')

/** Does what the lines say, until the transaction it stands in ends. Each `yield` is something that may be a promise. */
function* serve(host, stack) {
  const { answer } = host
  for (;;) {
    const text = yield host.readLine()
    if (text === null) return
    const line = JSON.parse(text)
    try {
      if (line.do === 'open') {
        stack[0] = host.open(line)
        answer({ value: null })
      } else if (line.do === 'close') {
        yield stack[0]?.close()
        answer({ value: null })
      } else if (line.do === 'run') {
        const client = line.depth === 0 ? host.bound(stack[0], line.caller && given(line.caller), line) : stack[line.depth]
        answer({ value: shown(contract(yield ask(host.sync, client, line), line.operation, given(line.args).entries)) })
      } else if (line.do === 'begin') {
        const outer = stack.length === 1 ? host.bound(stack[0], line.caller && given(line.caller), line) : stack.at(-1)
        yield outer.transaction((inside) => {
          answer({ value: null })
          return drive(serve(host, [...stack, inside]))
        })
        answer({ value: null })
      } else if (line.do === 'end') {
        if (!line.commit) throw ROLL_BACK
        return
      }
    } catch (error) {
      if (error === ROLL_BACK && line.do === 'end') throw error
      answer(error === ROLL_BACK ? { value: null } : told(host.DBALError, error))
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

/** Does what the lines say, to the last. */
export function run(host) {
  return drive(serve(host, []))
}
