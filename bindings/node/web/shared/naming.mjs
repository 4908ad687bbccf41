// Written by `cargo xtask codegen` from bindings/node/lib/naming.js. Do not edit.

// `naming: 'camelCase'`: fields, relations and their paths as JavaScript spells them. What stands inside a json document
// is the program's own and stays as it is.

import { camel } from './names.mjs'

class Renamed {
  constructor(entities) {
    this.entities = new Map(
      entities.map(({ name, fields, relations }) => {
        const inward = new Map()
        const outward = new Map()
        for (const declared of [...Object.keys(fields), ...Object.keys(relations)]) {
          const shown = camel(declared)
          // Two names that would become one keep their own.
          if (inward.has(shown)) continue
          inward.set(shown, declared)
          outward.set(declared, shown)
        }
        return [name, { inward, outward, fields, relations }]
      }),
    )
  }

  /** A column's name as the program sees it. */
  out(entity, name) {
    const known = this.entities.get(entity)
    const dot = name.indexOf('.')
    if (dot > 0) return `${name.slice(0, dot)}.${this.out(entity, name.slice(dot + 1))}`
    return known?.outward.get(name) ?? name
  }

  /** The arguments of a request as the contract spells them. */
  args(entity, args) {
    const made = {}
    for (const name of Object.keys(args)) define(made, name, this.argument(entity, name, args[name]))
    return made
  }

  argument(entity, name, given) {
    switch (name) {
      case 'filter':
        return this.filter(entity, given)
      case 'id':
      case 'where':
      case 'create':
      case 'update':
        return this.keys(entity, given)
      case 'data':
        return Array.isArray(given) ? given.map((row) => this.row(entity, row)) : this.row(entity, given)
      case 'select':
      case 'groupBy':
      case 'sum':
      case 'avg':
      case 'min':
      case 'max':
      case 'countDistinct':
        return Array.isArray(given) ? given.map((field) => this.path(entity, field)) : given
      case 'field':
        return this.path(entity, given)
      case 'sort':
        return Array.isArray(given) ? given.map((key) => this.sort(entity, key)) : this.sort(entity, given)
      case 'having':
        return this.sort(entity, given)
      case 'include':
        return this.include(entity, given)
      default:
        return given
    }
  }

  /** One row of data, or one upsert of many. */
  row(entity, row) {
    if (!isMap(row)) return row
    if (Object.hasOwn(row, 'where') && !this.entities.get(entity)?.inward.has('where')) return this.args(entity, row)
    return this.keys(entity, row)
  }

  keys(entity, map) {
    if (!isMap(map)) return map
    const made = {}
    for (const key of Object.keys(map)) define(made, this.name(entity, key), map[key])
    return made
  }

  sort(entity, map) {
    if (!isMap(map)) return map
    const made = {}
    for (const key of Object.keys(map)) {
      const dot = key.indexOf('.')
      const outer = dot < 0 ? '' : key.slice(0, dot)
      if (['sum', 'avg', 'min', 'max'].includes(outer)) {
        define(made, `${outer}.${this.name(entity, key.slice(dot + 1))}`, map[key])
      } else if (outer === 'countDistinct') {
        define(made, `count_distinct.${this.name(entity, key.slice(dot + 1))}`, map[key])
      } else {
        define(made, this.path(entity, key), map[key])
      }
    }
    return made
  }

  include(entity, map) {
    if (!isMap(map)) return map
    const made = {}
    for (const key of Object.keys(map)) {
      const name = this.name(entity, key)
      const target = this.entities.get(entity)?.relations[name]?.entity
      const options = map[key]
      define(made, name, target && isMap(options) ? this.args(target, options) : options)
    }
    return made
  }

  filter(entity, map) {
    if (!isMap(map)) return map
    const made = {}
    for (const key of Object.keys(map)) {
      const given = map[key]
      if (key === '$and' || key === '$or') {
        define(made, key, Array.isArray(given) ? given.map((part) => this.filter(entity, part)) : given)
      } else if (key === '$not') {
        define(made, key, this.filter(entity, given))
      } else {
        const name = this.path(entity, key)
        const target = this.entities.get(entity)?.relations[name]?.entity
        define(made, name, target ? this.related(target, given) : given)
      }
    }
    return made
  }

  /** The filter of related rows, under `$some` and the like or plain. */
  related(target, given) {
    if (!isMap(given)) return given
    const keys = Object.keys(given)
    if (!keys.some((key) => ['$is', '$isNot', '$some', '$every', '$none'].includes(key))) return this.filter(target, given)
    const made = {}
    for (const key of keys) define(made, key, this.filter(target, given[key]))
    return made
  }

  name(entity, name) {
    return this.entities.get(entity)?.inward.get(name) ?? name
  }

  /** `author.createdAt`: relations up to a field; behind a json field the names are the document's. */
  path(entity, path) {
    if (typeof path !== 'string') return path
    const [first, ...others] = path.split('.')
    const name = this.name(entity, first)
    if (others.length === 0) return name
    const target = this.entities.get(entity)?.relations[name]?.entity
    return `${name}.${target ? this.path(target, others.join('.')) : others.join('.')}`
  }
}

function isMap(value) {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function define(map, key, value) {
  if (key === '__proto__') Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true })
  else map[key] = value
}

export { Renamed }
