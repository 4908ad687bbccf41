// The package where there is no native half: in browsers, workers and at the edge. The same client, of a daemon.
import { DBALClient } from './client.mjs'
import { DBALError } from './shared/error.mjs'

/** There is no database in the process to open here. */
function openSync() {
  throw new DBALError({
    code: 'CAPABILITY_NOT_SUPPORTED',
    message: 'openSync opens a database in the process, which takes Node; here there is DBALClient with an endpoint',
  })
}

export { DBALClient, DBALError, openSync }
export default { DBALClient, DBALError, openSync }
