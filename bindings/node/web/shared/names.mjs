// Written by `cargo xtask codegen` from bindings/node/lib/names.js. Do not edit.

// What is spelled otherwise in JavaScript than in the contract.

import { invalid } from './error.mjs'

const OUT = { count_distinct: 'countDistinct' }
const IN = { groupBy: 'group_by', ifVersion: 'if_version', countDistinct: 'count_distinct' }
const SPELLED = new Set(Object.values(IN))

/** An option's name in the contract. The contract's own spelling is none in JavaScript. */
function optionName(name) {
  if (Object.hasOwn(IN, name)) return IN[name]
  if (SPELLED.has(name)) throw invalid([{ field: name, message: `unknown option; did you mean ${camel(name)}?` }])
  return name
}

/** A name of an answer as JavaScript has it. */
function outName(name) {
  return Object.hasOwn(OUT, name) ? OUT[name] : name
}

/** `created_at` as `createdAt`. */
function camel(name) {
  return name.replace(/(?<=[^_])_+([a-z0-9])/g, (_, letter) => letter.toUpperCase())
}

export { optionName, outName, camel }
