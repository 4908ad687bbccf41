// Messages of packed rows (docs/protocol.md), read by the decoder of the native half.
import * as decode from './shared/decode.mjs'
import { outName } from './shared/names.mjs'
import { page } from './typed.mjs'

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Reads the messages of one connection. */
export class Unpacker {
  constructor(rename) {
    this.told = new Map()
    this.layouts = new decode.Layouts((id) => this.told.get(id), rename)
  }

  /** The head of a message, and its rows. */
  read(buffer) {
    const numbers = new DataView(buffer)
    const length = numbers.getUint32(0, true)
    const pieces = numbers.getUint32(4, true)
    const head = JSON.parse(utf8.decode(new Uint8Array(buffer, 8, length)))
    for (const id of Object.keys(head.layouts ?? {})) this.told.set(Number(id), JSON.stringify(head.layouts[id]))
    let at = 8 + padded(length)
    let rows = []
    if (pieces > 0) decode.attach(buffer)
    for (let i = 0; i < pieces; i++) {
      const [layout, count, slots, bytes] = [0, 4, 8, 12].map((part) => numbers.getUint32(at + part, true))
      const cells = at + 16
      const text = utf8.decode(new Uint8Array(buffer, cells + slots * 8, bytes))
      const made = decode.rows(this.layouts, count, layout, text, 0, cells / 8)
      rows = rows.length === 0 ? made : rows.concat(made)
      at = cells + slots * 8 + padded(bytes)
    }
    return { head, rows }
  }
}

function padded(length) {
  return (length + 7) & ~7
}

/** Rows as the answer that they are. */
export function answer(envelope, rows) {
  switch (envelope) {
    case 'row':
      return rows[0]
    case 'maybe':
      return rows.length > 0 ? rows[0] : null
    case 'values':
      return rows.map((row) => Object.values(row)[0])
    case 'value':
      return Object.values(rows[0])[0]
    case 'group':
      return nested(rows[0])
    case 'groups':
      return rows.map(nested)
    case 'rows':
      return rows
    default:
      return page(envelope.page, rows)
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
