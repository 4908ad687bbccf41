// The client of plain JavaScript in Node, over the WebSocket that Node has, or the one of package `ws` in the folder that
// `DBAL_NODE_TOOLS` names: `node web.mjs [http]`.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { DBALClient, DBALError } from '../web/index.mjs'
import { callers } from './callers.mjs'
import { answer, readLine } from './lines.mjs'
import { run } from './serve.mjs'

const http = process.argv[2] === 'http'
const WebSocket = http ? undefined : (globalThis.WebSocket ?? createRequire(join(process.env.DBAL_NODE_TOOLS ?? '.', 'x.js'))('ws'))
// Lines are waited for without the event loop's turn, which an open connection needs now and then.
const turn = () => new Promise((resolve) => setImmediate(() => resolve(readLine())))

await run({
  sync: false,
  readLine: turn,
  answer,
  DBALError,
  ...callers(DBALClient, http ? { transport: 'http' } : { WebSocket, transport: 'websocket' }),
})
