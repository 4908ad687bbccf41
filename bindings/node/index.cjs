'use strict'

const { DBALClient } = require('./lib/client.js')
const { openSync } = require('./lib/sync.js')
const { DBALError } = require('./lib/error.js')

module.exports = { DBALClient, openSync, DBALError }
