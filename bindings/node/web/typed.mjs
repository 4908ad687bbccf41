// Rows that came as JSON, with the types of the schema: what packed rows are without it.
import { exact } from './shared/decode.mjs'
import { outName } from './shared/names.mjs'

/** JSON whose whole numbers beyond 2^53 become bigints. */
export function parse(text) {
  return /\d{16}/.test(text) ? exact(text) : JSON.parse(text)
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
}

function cell(type, value) {
  if (value === null) return null
  switch (type) {
    case 'datetime':
      return new Date(value)
    case 'bigint':
      return BigInt(value)
    case 'bytes':
      return bytes(value)
    default:
      return value
  }
}

/** The catalogue, as answers are read by it. */
export class Typed {
  constructor(entities, rename) {
    this.rename = rename
    this.entities = new Map()
    for (const { name, plural, fields, relations, operations } of entities) {
      const known = {
        name,
        fields: new Map(fields.map((field) => [field.name, field.type])),
        relations: new Map(relations.map((relation) => [relation.name, relation.target])),
        operations: new Map(operations.map((operation) => [operation.name, operation.output])),
      }
      this.entities.set(name, known).set(plural, known)
    }
  }

  row(entity, row) {
    const known = this.entities.get(entity)
    const made = {}
    for (const key of Object.keys(row)) {
      const target = known?.relations.get(key)
      const value = row[key]
      let read
      if (target === undefined || value === null) read = cell(known?.fields.get(key), value)
      else read = Array.isArray(value) ? value.map((one) => this.row(target, one)) : this.row(target, value)
      Object.defineProperty(made, known ? this.rename(known.name, key) : key, { value: read, enumerable: true, configurable: true, writable: true })
    }
    return made
  }

  group(entity, group) {
    const known = this.entities.get(entity)
    const made = {}
    for (const key of Object.keys(group)) {
      const value = group[key]
      if (known?.fields.has(key) || typeof value !== 'object' || value === null) {
        made[known ? this.rename(known.name, key) : key] = cell(known?.fields.get(key), value)
        continue
      }
      const inner = (made[outName(key)] = {})
      for (const field of Object.keys(value)) {
        const type = known?.fields.get(field)
        const whole = key === 'sum' && (type === 'integer' || type === 'bigint')
        const read = key === 'count_distinct' || key === 'avg' ? value[field] : cell(whole ? 'bigint' : key === 'sum' ? undefined : type, value[field])
        inner[known ? this.rename(known.name, field) : field] = read
      }
    }
    return made
  }

  /** The answer to a request. */
  answer(operation, entity, args, told) {
    const rows = (list) => list.map((row) => this.row(entity, row))
    switch (operation) {
      case 'create':
      case 'read':
      case 'update':
      case 'upsert':
        return this.row(entity, told)
      case 'first':
        return told === null ? null : this.row(entity, told)
      case 'find_many':
      case 'upsert_many':
        return rows(told)
      case 'create_many':
        return Array.isArray(told) ? rows(told) : told
      case 'list':
        return page(told, rows(told.data))
      case 'distinct':
        return told.map((value) => cell(this.entities.get(entity)?.fields.get(args.field), value))
      case 'aggregate':
        return Array.isArray(told) ? told.map((one) => this.group(entity, one)) : this.group(entity, told)
      case 'call': {
        const output = this.entities.get(entity)?.operations.get(args.name)
        if (!output?.entity || typeof told !== 'object' || told === null) return told
        if (Array.isArray(told)) return told.map((row) => this.row(output.entity, row))
        const isPage = ['data', 'limit', 'has_more', 'next_cursor'].every((name) => name in told)
        return isPage ? page(told, told.data.map((row) => this.row(output.entity, row))) : this.row(output.entity, told)
      }
      case 'batch':
        return told.map((one, i) => {
          const entry = args.entries[i]
          return this.answer(entry.operation, entry.entity, entry, one)
        })
      default:
        return told
    }
  }
}

export function page(told, data) {
  return {
    data,
    total: told.total,
    page: told.page,
    limit: told.limit,
    hasMore: told.has_more,
    nextCursor: told.next_cursor,
    prevCursor: told.prev_cursor,
  }
}
