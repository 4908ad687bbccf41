// The native package: `node runner.mjs promises` or `... sync`.
import { DBALClient, openSync, DBALError } from '../index.mjs'
import { answer, readLine } from './lines.mjs'
import { run } from './serve.mjs'

const sync = process.argv[2] === 'sync'

await run({
  sync,
  readLine,
  answer,
  DBALError,
  open({ url, schema, rules }) {
    const config = { database: { url }, schema, timeout: 20_000 }
    if (rules !== null) config.acl = { rules }
    return sync ? openSync(config) : new DBALClient(config)
  },
  bound: (client, caller) => (caller === null ? client : client.asPrincipal(caller)),
})
