// One set of classes for both kinds of modules: whatever `require` gives. Asked for at run time, so that a bundler does
// not follow the path to the compiled half.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
let both
try {
  both = require('./index.cjs')
} catch (error) {
  // Bundled into another file, the package is where the program's own packages are.
  if (error.code !== 'MODULE_NOT_FOUND' || !String(error.message).includes('./index.cjs')) throw error
  both = require('@metabuilder/dbal')
}

export const { DBALClient, openSync, DBALError } = both
export default both
