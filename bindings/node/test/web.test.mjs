// The client of a daemon: what it sends, what it refuses to send, and what it does when a connection is lost. Answers are a
// daemon's own in the cases (`daemon/tests/remote`); here a socket that is no socket says when it breaks.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DBALClient, DBALError, openSync } from '../web/index.mjs'
import { encode } from '../web/encode.mjs'
import { endpointOf } from '../web/endpoint.mjs'
import { Unpacker, answer } from '../web/packed.mjs'

const faults = (given) => {
  try {
    encode(given)
  } catch (error) {
    assert.equal(error.code, 'VALIDATION_ERROR')
    return error.fields.map(({ field }) => field)
  }
  return []
}

test('endpoints', () => {
  assert.deepEqual(endpointOf('localhost:50051'), { socket: 'ws://localhost:50051/v1/ws', http: 'http://localhost:50051/v1' })
  assert.equal(endpointOf('dbal://db').socket, 'ws://db:50051/v1/ws')
  assert.equal(endpointOf('dbals://db').socket, 'wss://db:50051/v1/ws')
  assert.equal(endpointOf('https://db/data/').http, 'https://db:443/data/v1')
  assert.equal(endpointOf('wss://db:443').socket, 'wss://db:443/v1/ws')
  assert.equal(endpointOf('[::1]:50051').socket, 'ws://[::1]:50051/v1/ws')
  for (const text of ['', 'ftp://db', 'dbal://token@db', 'db?x=1', 5, undefined]) assert.throws(() => endpointOf(text), { code: 'VALIDATION_ERROR' })
})

test('what is sent is what JSON can say, exactly', () => {
  assert.equal(encode({ id: 9007199254740993n }), '{"id":9007199254740993}')
  assert.equal(encode({ data: { at: new Date(0), raw: new Uint8Array([1, 255]), gone: undefined, nothing: null } }), '{"data":{"at":"1970-01-01T00:00:00.000Z","raw":"Af8=","nothing":null}}')
  assert.equal(encode({ limit: undefined, filter: { a: { $in: [1.5, 'é'] } } }), '{"filter":{"a":{"$in":[1.5,"é"]}}}')
  assert.equal(encode({ data: [{ a: undefined }, { b: 1 }] }), '{"data":[{},{"b":1}]}')
})

test('what has no meaning is refused with its place, all faults at once', () => {
  const round = {}
  round.self = round
  assert.deepEqual(faults({ filter: undefined }), ['filter'])
  assert.deepEqual(faults({ filter: { a: undefined, b: { $gt: NaN } } }), ['filter.a', 'filter.b.$gt'])
  assert.deepEqual(faults({ include: { posts: { filter: undefined } } }), ['include.posts.filter'])
  assert.deepEqual(faults({ data: { a: Symbol('x'), b: () => 1, c: 2n ** 64n, d: new Map(), e: round, f: 'a\0b' } }), ['a', 'b', 'c', 'd', 'e.self', 'f'])
  assert.deepEqual(faults({ data: { when: new Date(NaN) } }), ['when'])
  assert.deepEqual(faults({ data: { doc: { deep: undefined } } }), ['doc.deep'])
})

test('a message of packed rows', () => {
  const head = JSON.stringify({ id: 7, envelope: { page: { total: 2, page: 1, limit: 20, has_more: false, next_cursor: null, prev_cursor: null } }, layouts: { 3: { entity: 'X', names: ['id', 'name'], kinds: [0, 2], targets: [null, null] } } })
  const text = new TextEncoder().encode('éab')
  const padded = (length) => Math.ceil(length / 8) * 8
  const buffer = new ArrayBuffer(8 + padded(head.length) + 16 + 6 * 8 + padded(text.length))
  const view = new DataView(buffer)
  view.setUint32(0, head.length, true)
  view.setUint32(4, 1, true)
  new Uint8Array(buffer, 8).set(new TextEncoder().encode(head.padEnd(padded(head.length))))
  let at = 8 + padded(head.length)
  for (const number of [3, 2, 6, text.length]) view.setUint32((at += 4) - 4, number, true)
  for (const slot of [0, 1, 1, 0, 2, 3]) view.setFloat64((at += 8) - 8, slot, true)
  new Uint8Array(buffer, at, text.length).set(text)
  const read = new Unpacker((_, name) => name).read(buffer)
  assert.equal(read.head.id, 7)
  const page = answer(read.head.envelope, read.rows)
  assert.deepEqual(page, { data: [{ id: 1, name: 'é' }, { id: 2, name: 'ab' }], total: 2, page: 1, limit: 20, hasMore: false, nextCursor: null, prevCursor: null })
})

/** Sockets of a daemon that does what `serve(message, socket)` says with each message. */
function sockets(serve, granted = {}) {
  const opened = []
  class Socket {
    constructor(url, protocol) {
      assert.equal(protocol, 'dbal.v1.json')
      this.url = url
      opened.push(this)
      setTimeout(() => this.onopen())
    }
    send(text) {
      const message = JSON.parse(text)
      setTimeout(() => {
        if (message.method === 'session.init') {
          this.init = message.params
          if (serve.init?.(message, this) === false) return
          this.tell({ id: 0, result: { version: 1, limits: { in_flight: 2 }, ...granted } })
        } else serve(message, this)
      })
    }
    tell(message) {
      this.onmessage({ data: JSON.stringify({ jsonrpc: '2.0', ...message }) })
    }
    close(code = 1006) {
      this.onclose({ code, reason: '' })
    }
  }
  return { WebSocket: Socket, opened }
}

test('a read whose connection is lost is asked again; a write is not, unless it has a key', async () => {
  for (const [keys, again] of [[false, false], [true, true]]) {
    const seen = []
    const { WebSocket, opened } = sockets(({ id, method, params }, socket) => {
      seen.push(params)
      if (opened.length === 1) return socket.close()
      socket.tell({ id, result: params.operation === 'count' ? 5 : true })
    }, { idempotency: keys })
    const db = new DBALClient({ endpoint: 'db:1', WebSocket })
    assert.equal(await db.users.count(), 5)
    assert.equal(seen.length, 2)
    opened.length = 0
    seen.length = 0
    // A new connection that breaks with the first message.
    db.shared.socket.open = undefined
    const removed = db.users.delete(1)
    if (again) assert.equal(await removed, true)
    else await assert.rejects(removed, { code: 'DATABASE_ERROR', outcome: 'unknown', retryable: false })
    assert.equal(seen.length, again ? 2 : 1)
    assert.equal(seen[0].idempotency_key, seen.at(-1).idempotency_key)
    assert.equal(seen[0].idempotency_key !== undefined, keys)
    await db.close()
  }
})

test('no more is under way than the daemon grants, and all is answered', async () => {
  let under = 0
  let most = 0
  const { WebSocket } = sockets(({ id }, socket) => {
    most = Math.max(most, ++under)
    setTimeout(() => {
      under--
      socket.tell({ id, result: id })
    }, 5)
  })
  const db = new DBALClient({ endpoint: 'db:1', WebSocket })
  assert.equal((await Promise.all(Array.from({ length: 20 }, () => db.users.count()))).length, 20)
  assert.equal(most, 2)
  await db.close()
})

async function until(holds) {
  for (let waited = 0; !holds(); waited += 5) {
    assert.ok(waited < 5_000, 'what was waited for did not come')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test('a signal cancels, a deadline ends, and what was cancelled is said to the daemon', async () => {
  const methods = []
  const { WebSocket } = sockets(({ method }) => methods.push(method))
  const db = new DBALClient({ endpoint: 'db:1', WebSocket })
  const controller = new AbortController()
  const asked = db.users.list({ signal: controller.signal })
  // What was not sent has nothing to be cancelled.
  const sent = (wanted, times) => until(() => methods.filter((method) => (method === '$/cancel') === wanted).length === times)
  sent(false, 1).then(() => controller.abort(new Error('enough')))
  await assert.rejects(asked, /enough/)
  await assert.rejects(db.users.count({ timeout: 10 }), { code: 'TIMEOUT', outcome: 'not_applied' })
  await sent(true, 2)
  await db.close()
})

test('a token that is taken no longer is replaced once, and of auth the token alone is sent', async () => {
  const serve = ({ id }, socket) => socket.tell({ id, result: 1 })
  serve.init = ({ params }, socket) => {
    if (params.token === 'new') return true
    socket.tell({ id: 0, error: { code: 3, message: 'not authorized', data: { code: 'UNAUTHORIZED', message: 'not authorized' } } })
    return false
  }
  const { WebSocket, opened } = sockets(serve)
  const auth = { user: { id: 'ada', role: 'god' }, session: { id: 's', token: 'old' } }
  const db = new DBALClient({ endpoint: 'db:1', WebSocket, auth: { ...auth, refresh: async () => ({ token: 'new' }) } })
  assert.equal(await db.users.count(), 1)
  assert.deepEqual(opened.map(({ init }) => init.token), ['old', 'new'])
  assert.deepEqual(Object.keys(opened[0].init).sort(), ['packed', 'token', 'version'])
  await db.close()
  const stuck = new DBALClient({ endpoint: 'db:1', WebSocket, auth, transport: 'websocket' })
  await assert.rejects(stuck.users.count(), { code: 'UNAUTHORIZED' })
  await stuck.close()
})

test('what is for trusted code says so, and options are checked', async () => {
  const db = new DBALClient({ endpoint: 'db:1', WebSocket: sockets(() => {}).WebSocket })
  assert.throws(() => db.asPrincipal({}), { code: 'FORBIDDEN', message: /credentials/ })
  assert.throws(() => db.newest(), { code: 'CAPABILITY_NOT_SUPPORTED' })
  for (const what of ['explain', 'migrate', 'reset']) await assert.rejects(db[what](), { code: 'FORBIDDEN' })
  assert.throws(() => openSync({}), { code: 'CAPABILITY_NOT_SUPPORTED' })
  assert.throws(() => new DBALClient({ endpoint: 'db:1', databse: {} }), { code: 'VALIDATION_ERROR', message: /databse/ })
  assert.throws(() => new DBALClient({ mode: 'production' }), { code: 'VALIDATION_ERROR', message: /endpoint/ })
  assert.ok(new DBALError({ code: 'X', message: 'y' }) instanceof Error)
  await db.close()
  await assert.rejects(db.users.count(), /closed/)
})
