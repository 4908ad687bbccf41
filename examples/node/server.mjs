// An HTTP handler: lists and reads any entity on behalf of whoever asks. The rules decide what they see; errors become
// their HTTP status. Who somebody is has to be verified before: here two headers are taken at their word.
//
//   node server.mjs [port] [app.db] [schema folder]      curl localhost:8080/page_views?level=1
import { createServer } from 'node:http'
import { DBALClient, DBALError } from '@metabuilder/dbal'

const [port = '8080', file = 'app.db', schema = '../../api/schema'] = process.argv.slice(2)
const dbal = new DBALClient({ database: { url: `file:${file}` }, schema, timeout: 5_000 })
await dbal.migrate()

const STATUS = { NOT_FOUND: 404, CONFLICT: 409, UNAUTHORIZED: 401, FORBIDDEN: 403, VALIDATION_ERROR: 422, TIMEOUT: 504 }

const server = createServer(async (request, response) => {
  // Nobody waits for an answer once the connection is gone.
  const abort = new AbortController()
  response.on('close', () => abort.abort())
  const answer = (status, body) => {
    const text = JSON.stringify(body, (_, value) => (typeof value === 'bigint' ? String(value) : value))
    response.writeHead(status, { 'content-type': 'application/json' }).end(text)
  }
  try {
    const url = new URL(request.url, 'http://localhost')
    const [plural, id] = url.pathname.split('/').filter(Boolean)
    const { 'x-user': user, 'x-role': role } = request.headers
    const caller = dbal.asPrincipal(user ? { user: { id: user, role } } : {})
    const entity = caller.entity(plural ?? '')
    if (request.method !== 'GET') return answer(405, { code: 'METHOD', message: 'GET is all there is' })
    if (id) return answer(200, await entity.read(id, { signal: abort.signal }))
    const filter = Object.fromEntries([...url.searchParams].map(([field, text]) => [field, /^-?\d+$/.test(text) ? Number(text) : text]))
    answer(200, await entity.list({ filter, signal: abort.signal }))
  } catch (error) {
    if (abort.signal.aborted) return
    if (!(error instanceof DBALError)) return answer(500, { code: 'INTERNAL_ERROR', message: 'something went wrong' })
    answer(STATUS[error.code] ?? 500, { code: error.code, message: error.message, fields: error.fields })
  }
})
server.listen(Number(port), '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`))
