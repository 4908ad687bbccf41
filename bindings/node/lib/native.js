'use strict'

// Finds the compiled half: beside this package while it is being developed, else in the package of this platform.

const { existsSync } = require('node:fs')
const { join } = require('node:path')

function platform() {
  const libc = process.platform === 'linux' ? (process.report?.getReport?.()?.header?.glibcVersionRuntime ? '-gnu' : '-musl') : ''
  return `${process.platform}-${process.arch}${libc}`
}

function load() {
  const own = join(__dirname, '..', 'dbal.node')
  if (existsSync(own)) return require(own)
  const name = `@metabuilder/dbal-${platform()}`
  try {
    return require(name)
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error
    throw new Error(
      `@metabuilder/dbal has no compiled half for this platform: ${name} is not installed. ` +
        'It is an optional dependency: install without --omit=optional, on the platform that runs the program.',
      { cause: error },
    )
  }
}

module.exports = load()
