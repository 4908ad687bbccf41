// Written by `cargo xtask codegen` from bindings/node/lib/decode.js. Do not edit.

// Makes objects of packed rows (`dbal/src/packed`): slots of 64 bits and one text. A layout says what the columns are called
// and how their cells are written; it is asked for once.

const NUMBER = 0
const BOOL = 1
const TEXT = 2
const DATE = 3
const BIGINT = 4
const BYTES = 5
const JSON_TEXT = 6
const ONE = 7
const MANY = 8
const ANY = 9
const ANY_BIG = 10

const HEAD = 16

let buffer
let slots
let bigs
let raw

/** The memory that answers are written to. */
function attach(memory) {
  buffer = memory
  slots = new Float64Array(buffer)
  bigs = new BigInt64Array(buffer)
  raw = new Uint8Array(buffer)
  return slots
}

// Where the next cell and the next text begin, and the text: the state of one walk.
let cell = HEAD
let begin = 0
let heap = ''

/** The layouts of one opened database. */
class Layouts {
  constructor(ask, rename) {
    this.ask = ask
    this.rename = rename
    this.known = new Map()
  }

  get(id) {
    const layout = this.known.get(id)
    if (layout !== undefined) return layout
    if (this.known.size >= 4096) this.known.clear()
    const told = JSON.parse(this.ask(id))
    const made = new Layout(told, this.rename)
    this.known.set(id, made)
    return made
  }
}

class Layout {
  constructor({ entity, names, kinds }, rename) {
    this.names = names.map((name) => rename(entity, name))
    this.kinds = kinds
    this.rows = 0
    this.quick = undefined
    this.flat = kinds.every((kind) => kind <= BIGINT) && !this.names.includes('__proto__')
  }
}

/** The rows of the piece in the buffer whose text this is; its cells begin at `at`. */
function rows(layouts, count, id, text, from, at = HEAD) {
  if (count === 0) return []
  const layout = layouts.get(id)
  layout.rows += count
  if (layout.flat && layout.rows > 200) {
    if (layout.quick === undefined) layout.quick = compile(layout)
    if (layout.quick !== null) return layout.quick(count, slots, bigs, text, at, from)
  }
  cell = at
  begin = from
  heap = text
  const made = new Array(count)
  for (let i = 0; i < count; i++) made[i] = row(layouts, layout)
  heap = ''
  return made
}

function row(layouts, layout) {
  const { names, kinds } = layout
  const made = {}
  let nulls = 0
  for (let i = 0; i < names.length; i++) {
    if ((i & 31) === 0) nulls = slots[cell++]
    const read = nulls & (1 << (i & 31)) ? null : one(layouts, kinds[i])
    if (names[i] === '__proto__') {
      Object.defineProperty(made, '__proto__', { value: read, enumerable: true, configurable: true, writable: true })
    } else {
      made[names[i]] = read
    }
  }
  return made
}

function one(layouts, kind) {
  switch (kind) {
    case NUMBER:
      return slots[cell++]
    case BOOL:
      return slots[cell++] !== 0
    case TEXT:
      return heap.substring(begin, (begin = slots[cell++]))
    case DATE:
      return new Date(slots[cell++])
    case BIGINT:
      return bigs[cell++]
    case BYTES: {
      const length = slots[cell++]
      const read = raw.slice(cell * 8, cell * 8 + length)
      cell += Math.ceil(length / 8)
      return read
    }
    case JSON_TEXT: {
      const end = slots[cell++]
      if (end >= 0) return JSON.parse(heap.substring(begin, (begin = end)))
      return exact(heap.substring(begin, (begin = -end - 1)))
    }
    case ONE: {
      const inner = layouts.get(slots[cell++])
      return row(layouts, inner)
    }
    case MANY: {
      const count = slots[cell++]
      const made = new Array(count)
      if (count > 0) {
        const inner = layouts.get(slots[cell++])
        for (let i = 0; i < count; i++) made[i] = row(layouts, inner)
      }
      return made
    }
    case ANY:
    case ANY_BIG:
      return one(layouts, slots[cell++])
    default:
      throw new Error(`an unknown kind of cell: ${kind}`)
  }
}

/** A decoder of one layout, written out; null where code may not be made of text. */
function compile({ names, kinds }) {
  let nulls = ''
  const parts = kinds.map((kind, i) => {
    if (i % 32 === 0) nulls += `const m${i / 32} = f[k++];`
    const read = ['f[k++]', 'f[k++] !== 0', 't.substring(p, (p = f[k++]))', 'new Date(f[k++])', 'b[k++]'][kind]
    return { at: i, code: `m${Math.floor(i / 32)} & ${1 << (i % 32)} ? null : ${read}` }
  })
  if (kinds.length > 32) return null
  const fields = parts.map(({ at, code }) => `${JSON.stringify(names[at])}: ${code}`).join(', ')
  const body = `const o = new Array(n); for (let i = 0; i < n; i++) { ${nulls} o[i] = { ${fields} } } return o`
  try {
    return new Function('n', 'f', 'b', 't', 'k', 'p', body)
  } catch {
    return null
  }
}

/** JSON whose whole numbers beyond 2^53 become bigints. */
function exact(text) {
  let place = 0
  const token = /\s*(?:([{}[\],:])|("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null))/y
  const next = () => {
    token.lastIndex = place
    const found = token.exec(text)
    place = token.lastIndex
    return found
  }
  const read = (found) => {
    if (found[2] !== undefined) return JSON.parse(found[2])
    if (found[3] !== undefined) {
      const number = Number(found[3])
      return Number.isSafeInteger(number) || !/^-?\d+$/.test(found[3]) ? number : BigInt(found[3])
    }
    if (found[4] !== undefined) return JSON.parse(found[4])
    if (found[1] === '[') {
      const items = []
      for (let item = next(); item[1] !== ']'; item = next()) {
        if (item[1] !== ',') items.push(read(item))
      }
      return items
    }
    const made = {}
    for (let key = next(); key[1] !== '}'; key = next()) {
      if (key[1] === ',') continue
      next()
      const held = read(next())
      Object.defineProperty(made, JSON.parse(key[2]), { value: held, enumerable: true, configurable: true, writable: true })
    }
    return made
  }
  return read(next())
}

export { attach, rows, Layouts, exact }
