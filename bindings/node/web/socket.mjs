// One WebSocket for all requests of a client: opened when there is something to ask, again after a pause when it was lost.
import { DBALError } from './shared/error.mjs'
import { Unpacker, answer } from './packed.mjs'
import { parse } from './typed.mjs'

const FIRST = 100
const LONGEST = 5000
const TRIES = 3
const CONNECTING = 10_000
/** Batches of a stream that may be under way. */
const CREDIT = 2
/** How much later than the daemon a deadline is noticed here: its answer says more. */
const GRACE = 500

export function lost(outcome) {
  const message = 'the connection to the daemon was lost' + (outcome === 'unknown' ? ' before it answered' : '')
  return new DBALError({ code: 'DATABASE_ERROR', message, outcome, retryable: outcome === 'not_applied' })
}

export function timedOut(outcome) {
  return new DBALError({ code: 'TIMEOUT', message: 'the deadline passed before the daemon answered', outcome, retryable: outcome === 'not_applied' })
}

/** The error that a daemon describes. */
export function failure(data, message) {
  const told = data ?? { code: 'INTERNAL_ERROR', message }
  const fields = told.fields?.map(({ field, message, index }) => (index == null ? { field, message } : { field, message, index }))
  // As in the process: a transaction that may be run again counts too, which `repeats` does not ask again by itself.
  const retryable = told.retry === undefined ? told.retryable : told.retry !== 'no'
  return new DBALError({ ...told, fields, retryable, retryAfter: told.retry_after_ms })
}

export function pauseOf(tries, error) {
  return error.retryAfter ?? Math.random() * Math.min(LONGEST, FIRST * 2 ** tries)
}

/** Whether a request may be asked again after this error. */
export function repeats(job, error) {
  if (job.tries + 1 >= TRIES || job.begun || job.kind === 'inside' || error.code === 'UNAUTHORIZED') return false
  if (error.code === 'CONFLICT') return false
  if (!error.retryable && !(job.kind === 'keyed' && error.outcome === 'unknown')) return false
  return job.kind === 'read' || job.kind === 'keyed' || error.outcome === 'not_applied'
}

export class Socket {
  constructor(url, identity, rename, options) {
    this.url = url
    this.identity = identity
    this.rename = rename
    this.WebSocket = options.WebSocket
    this.next = 1
    this.waiting = new Map()
    this.queue = []
    this.transactions = new Set()
    this.number = 0
    this.failures = 0
    this.renewed = false
    this.open = undefined
    this.opening = undefined
    this.closed = false
  }

  /** Asks something; what it resolves to is `{ result }` or what `packed` rows are. */
  ask(job) {
    return new Promise((resolve, reject) => {
      const { signal } = job
      Object.assign(job, { id: this.next++, tries: 0, begun: false, resolve, reject })
      if (signal !== undefined) {
        const abort = () => {
          this.cancel(job)
          reject(signal.reason)
        }
        signal.addEventListener('abort', abort, { once: true })
        job.done = () => signal.removeEventListener('abort', abort)
      }
      this.arm(job)
      this.queue.push(job)
      this.pump()
    }).finally(() => {
      clearTimeout(job.timer)
      job.done?.()
      // Whatever came of it, the transaction takes no more: its place is free.
      if (job.ends && job.connection === this.number) {
        this.transactions.delete(job.ends)
        this.pump()
      }
    })
  }

  /** What waits to be sent has a deadline as well. */
  arm(job) {
    clearTimeout(job.timer)
    if (job.deadline === undefined) return
    job.timer = setTimeout(() => {
      this.cancel(job)
      job.reject(timedOut('not_applied'))
    }, Math.max(0, job.deadline - Date.now()))
  }

  cancel(job) {
    clearTimeout(job.timer)
    this.queue = this.queue.filter((queued) => queued !== job)
    // Its number is used until it is answered.
    if (this.waiting.get(job.id) === job) {
      this.waiting.set(job.id, undefined)
      this.notify('$/cancel', { id: job.id })
    }
  }

  notify(method, params) {
    if (this.open) this.open.send(JSON.stringify({ jsonrpc: '2.0', method, params }))
  }

  /** Sends as much as the daemon takes. */
  pump() {
    if (this.queue.length === 0) return
    if (!this.open) {
      this.opening ??= this.connect()
      return
    }
    for (let i = 0; i < this.queue.length && this.waiting.size < this.granted.in_flight; ) {
      const job = this.queue[i]
      const begins = job.method === 'transaction.begin' && job.kind === 'begin'
      const live = [...this.waiting.values()]
      if (begins && this.transactions.size + live.filter((one) => one?.kind === 'begin').length >= this.granted.transactions) {
        i++
        continue
      }
      if (job.onRows && live.filter((one) => one?.onRows).length >= this.granted.streams) {
        i++
        continue
      }
      this.queue.splice(i, 1)
      this.send(job)
    }
  }

  send(job) {
    const left = job.deadline === undefined ? undefined : job.deadline - Date.now()
    if (left !== undefined && left <= 0) return job.reject(timedOut('not_applied'))
    if (job.connection !== undefined && job.connection !== this.number) return job.reject(lost('not_applied'))
    const members = []
    if (job.params) members.push(job.params)
    if (left !== undefined) members.push(`"deadline_ms":${Math.max(1, Math.ceil(left))}`)
    if (job.packed) members.push('"packed":true')
    if (job.onRows) members.push(`"credit":${CREDIT}`)
    if (job.write && this.keys) {
      job.key ??= crypto.randomUUID()
      job.kind = 'keyed'
      members.push(`"idempotency_key":"${job.key}"`)
    }
    this.waiting.set(job.id, job)
    clearTimeout(job.timer)
    if (left !== undefined) {
      job.timer = setTimeout(() => {
        this.cancel(job)
        job.reject(timedOut(job.kind === 'write' || job.kind === 'keyed' || job.ends ? 'unknown' : 'not_applied'))
      }, left + GRACE)
    }
    this.open.send(`{"jsonrpc":"2.0","id":${job.id},"method":"${job.method}","params":{${members.join(',')}}}`)
  }

  async connect() {
    try {
      await this.greet(await this.identity.token())
    } catch (error) {
      this.opening = undefined
      // Once: a new token that is refused too is an answer.
      if (error.code === 'UNAUTHORIZED' && !this.renewed && (this.renewed = await this.renew())) {
        this.pump()
        return
      }
      this.renewed = false
      this.failures++
      for (const job of this.queue.splice(0)) this.again(job, error)
      return
    }
    this.opening = undefined
    this.failures = 0
    this.renewed = false
    this.pump()
  }

  /** Whether there is another token to try. What goes wrong while one is made is no answer to any request. */
  renew() {
    return this.identity.renew().catch(() => false)
  }

  /** Opens a socket and a session on it. */
  greet(token) {
    return new Promise((resolve, reject) => {
      const unreachable = (why) =>
        new DBALError({
          code: 'DATABASE_ERROR',
          message: `the daemon at ${new URL(this.url).host} cannot be reached${why ? `: ${why}` : ''}`,
          outcome: 'not_applied',
          retryable: true,
        })
      if (this.closed) return reject(new DBALError({ code: 'INTERNAL_ERROR', message: 'the client was closed' }))
      const socket = new this.WebSocket(this.url, 'dbal.v1.json')
      socket.binaryType = 'arraybuffer'
      const number = ++this.number
      const unpacker = new Unpacker(this.rename)
      const late = setTimeout(() => {
        reject(unreachable('it took too long to answer'))
        socket.close()
      }, CONNECTING)
      let ready = false
      socket.onopen = () => {
        const params = { version: 1, packed: true, ...(token === undefined ? {} : { token }) }
        socket.send(JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'session.init', params }))
      }
      socket.onmessage = ({ data }) => {
        if (typeof data !== 'string') return this.received(unpacker, data)
        const message = parse(data)
        if (ready || message.id !== 0) return this.told(message)
        clearTimeout(late)
        if (message.error) {
          reject(failure(message.error.data, message.error.message))
          return socket.close()
        }
        ready = true
        this.granted = { in_flight: 64, transactions: 4, streams: 16, ...message.result.limits }
        this.keys = message.result.idempotency === true
        this.user = message.result.user
        this.open = socket
        this.transactions.clear()
        this.identity.opened(this)
        resolve()
      }
      socket.onclose = ({ code, reason }) => {
        clearTimeout(late)
        const denied = code === 4401
        if (!ready) {
          reject(denied ? new DBALError({ code: 'UNAUTHORIZED', message: 'not authorized' }) : unreachable(reason))
          return
        }
        if (this.number === number) {
          this.open = undefined
          this.gone(denied)
        }
      }
      socket.onerror = () => {}
    })
  }

  /** The connection has ended, and what was asked on it has no answer. */
  async gone(denied) {
    const jobs = [...this.waiting.values()].filter((job) => job !== undefined)
    this.waiting.clear()
    const renewed = denied && (await this.renew())
    for (const job of jobs) {
      clearTimeout(job.timer)
      if (denied && !renewed) job.reject(new DBALError({ code: 'UNAUTHORIZED', message: 'not authorized' }))
      else this.again(job, lost(job.kind === 'write' || job.kind === 'keyed' || job.ends ? 'unknown' : 'not_applied'))
    }
    this.pump()
  }

  /** Asks again after a pause, if it may be asked again and there is time. */
  again(job, error) {
    if (this.closed || !repeats(job, error)) return job.reject(error)
    const pause = pauseOf(job.tries++, error)
    if (pause > LONGEST || (job.deadline !== undefined && Date.now() + pause >= job.deadline)) return job.reject(error)
    setTimeout(() => {
      if (job.signal?.aborted) return
      this.arm(job)
      this.queue.push(job)
      this.pump()
    }, pause)
  }

  /** Takes out what an answer is for. */
  taken(id) {
    const job = this.waiting.get(id)
    this.waiting.delete(id)
    if (job !== undefined) {
      clearTimeout(job.timer)
      if (job.ends) this.transactions.delete(job.ends)
    }
    return job
  }

  told({ id, method, params, result, error }) {
    if (method === 'stream.rows') {
      const job = this.waiting.get(params.id)
      if (job) {
        job.begun = true
        job.onRows(params.rows, false)
      }
      return
    }
    const job = this.taken(id)
    if (job !== undefined) {
      if (error) this.again(job, failure(error.data, error.message))
      else {
        if (job.kind === 'begin') this.transactions.add(result.transaction)
        job.resolve({ result, connection: this.number })
      }
    }
    this.pump()
  }

  received(unpacker, data) {
    const { head, rows } = unpacker.read(data)
    if (head.stream !== undefined) {
      const job = this.waiting.get(head.stream)
      if (job) {
        job.begun = true
        job.onRows(rows, true)
      }
      return
    }
    const job = this.taken(head.id)
    job?.resolve({ packed: answer(head.envelope, rows), connection: this.number })
    this.pump()
  }

  /** A new token for the session that is open. */
  refresh(token) {
    if (!this.open) return
    this.ask({ method: 'session.refresh', params: `"token":${JSON.stringify(token)}`, kind: 'inside' }).catch(() => {})
  }

  close() {
    this.closed = true
    const error = new DBALError({ code: 'INTERNAL_ERROR', message: 'the client was closed' })
    for (const job of this.queue.splice(0)) job.reject(error)
    for (const job of this.waiting.values()) job?.reject(error)
    this.waiting.clear()
    this.open?.close(1000)
    this.open = undefined
  }
}
