// Requests as JSON. What JSON cannot say, or what has no meaning, is a fault, never sent as something else.
import { invalid } from './shared/error.mjs'

/** Deeper messages are none to a daemon. */
const MAX_DEPTH = 126

/** Texts of an object's members, written once. */
class Writer {
  constructor() {
    this.faults = []
    this.inside = []
  }

  value(given, path) {
    switch (typeof given) {
      case 'string':
        if (!given.isWellFormed?.() && /[\ud800-\udfff]/u.test(given)) return this.fault(path, 'half of a surrogate pair; text is Unicode')
        return given.includes('\0') ? this.fault(path, 'contains the NUL character') : JSON.stringify(given)
      case 'number':
        return Number.isFinite(given) ? JSON.stringify(given) : this.fault(path, 'expected a finite float')
      case 'boolean':
        return String(given)
      case 'bigint':
        return BigInt.asIntN(64, given) === given ? String(given) : this.fault(path, 'outside of 64 bits')
      case 'undefined':
        return this.fault(path, 'expected a value, got undefined')
      case 'object':
        return given === null ? 'null' : this.object(given, path)
      default:
        return this.fault(path, `a ${typeof given} is no value`)
    }
  }

  object(given, path) {
    const kind = Object.prototype.toString.call(given)
    if (kind === '[object Date]') {
      const time = Date.prototype.getTime.call(given)
      if (Number.isNaN(time)) return this.fault(path, 'an invalid Date')
      const text = new Date(time).toISOString()
      return text.length > 24 ? this.fault(path, 'a Date outside the years 0001 to 9999') : `"${text}"`
    }
    if (kind === '[object Uint8Array]') return `"${base64(given)}"`
    if (this.inside.includes(given)) return this.fault(path, 'contains itself')
    if (this.inside.length >= MAX_DEPTH) return this.fault(path.split('.')[0], `a depth of more than ${MAX_DEPTH}`)
    this.inside.push(given)
    const text = Array.isArray(given) ? this.list(given, path) : this.plain(given, path)
    this.inside.pop()
    return text
  }

  list(given, path) {
    const items = []
    for (let i = 0; i < given.length; i++) items.push(this.value(given[i], `${path}.${i}`))
    return `[${items.join(',')}]`
  }

  plain(given, path) {
    if (!isPlain(given)) {
      return this.fault(path, `expected plain data, not an instance of ${Object.getPrototypeOf(given)?.constructor?.name || 'a class'}`)
    }
    return this.members(given, path, (key) => isCondition(key) || path.split('.').some(isCondition) || path.startsWith('data'))
  }

  /** `keeps` says of which members undefined is a fault; of others it means that they are not there. */
  members(given, path, keeps) {
    for (const symbol of Object.getOwnPropertySymbols(given)) {
      this.faults.push({ field: path, message: `a property named by a symbol (${String(symbol)}) has no meaning` })
    }
    const parts = []
    for (const key of Object.keys(given)) {
      const held = given[key]
      if (held === undefined && !keeps(key)) continue
      if (key.includes('\0')) {
        this.faults.push({ field: path || 'request', message: 'a name that contains the NUL character' })
        continue
      }
      const inner = path ? `${path}.${key}` : key
      const text = isRow(key, path) ? this.rows(held, key) : this.value(held, inner)
      parts.push(`${JSON.stringify(key)}:${text}`)
    }
    return `{${parts.join(',')}}`
  }

  /** Rows of data, of which what is undefined is absent. */
  rows(given, path) {
    if (Array.isArray(given)) return `[${given.map((row, i) => this.row(row, `${path}.${i}`)).join(',')}]`
    return this.row(given, path)
  }

  row(given, path) {
    if (typeof given !== 'object' || given === null || !isPlain(given)) return this.value(given, path)
    return this.members(given, 'data', () => false)
  }

  fault(path, message) {
    this.faults.push({ field: path.replace(/^data\.(?:\d+\.)?/, '') || 'request', message })
    return 'null'
  }
}

function isRow(key, path) {
  return path === '' && (key === 'data' || key === 'create' || key === 'update' || key === 'input')
}

function isCondition(key) {
  return key === 'filter' || key === 'having'
}

function isPlain(given) {
  const prototype = Object.getPrototypeOf(given)
  return prototype === null || prototype === Object.prototype || (Object.getPrototypeOf(prototype) === null && !Array.isArray(given))
}

/** The arguments of a request as JSON text. */
export function encode(args) {
  const writer = new Writer()
  const text =
    Array.isArray(args.entries) && Object.keys(args).length === 1
      ? `{"entries":[${args.entries.map((entry) => (isObject(entry) ? writer.members(entry, '', isCondition) : writer.value(entry, 'entries'))).join(',')}]}`
      : writer.members(args, '', isCondition)
  if (writer.faults.length > 0) throw invalid(writer.faults)
  return text
}

function isObject(given) {
  return typeof given === 'object' && given !== null && !Array.isArray(given)
}

export function base64(bytes) {
  let text = ''
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096))
  return btoa(text)
}
