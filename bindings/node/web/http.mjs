// Requests over HTTP, where a WebSocket cannot be had. There are no transactions over it, and no daemon says here whether it
// keeps the keys of writes, so that a write is sent again only where it is known not to have been applied.
import { DBALError } from './shared/error.mjs'
import { failure, lost, pauseOf, repeats, timedOut } from './socket.mjs'
import { parse } from './typed.mjs'

export class Http {
  constructor(url, identity, options) {
    this.url = url
    this.identity = identity
    this.fetch = options.fetch
  }

  /** Asks something; resolves to `{ result }`. */
  async ask(job) {
    Object.assign(job, { tries: 0, begun: false })
    if (job.method.startsWith('transaction.')) {
      throw new DBALError({ code: 'CAPABILITY_NOT_SUPPORTED', message: 'transactions need a WebSocket; use batch' })
    }
    for (;;) {
      try {
        return { result: await this.once(job) }
      } catch (error) {
        if (job.signal?.aborted) throw job.signal.reason
        if (error.code === 'UNAUTHORIZED' && job.tries === 0 && (await this.identity.renew())) {
          job.tries++
          continue
        }
        if (!(error instanceof DBALError) || !repeats(job, error)) throw error
        const pause = pauseOf(job.tries++, error)
        if (pause > 5000 || (job.deadline !== undefined && Date.now() + pause >= job.deadline)) throw error
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }

  async once(job) {
    const token = await this.identity.token()
    const headers = {}
    if (token !== undefined) headers.authorization = `Bearer ${token}`
    const left = job.deadline === undefined ? undefined : job.deadline - Date.now()
    if (left !== undefined) {
      if (left <= 0) throw timedOut('not_applied')
      headers['dbal-timeout-ms'] = String(Math.ceil(left))
    }
    const get = job.path === undefined
    if (!get) headers['content-type'] = 'application/json'
    const late = new AbortController()
    const timer = left === undefined ? undefined : setTimeout(() => late.abort(), left + 500)
    const abort = () => late.abort()
    job.signal?.addEventListener('abort', abort)
    try {
      const answer = await this.fetch(`${this.url}/${get ? job.method : job.path}`, {
        method: get ? 'GET' : 'POST',
        headers,
        body: get ? undefined : job.body,
        signal: late.signal,
        credentials: 'omit',
      })
      if (job.onRows && answer.ok) return await lines(answer, job)
      const text = await answer.text()
      let told
      try {
        told = parse(text)
      } catch {
        throw new DBALError({ code: 'INTERNAL_ERROR', message: `the daemon answered ${answer.status} with something that is no answer` })
      }
      if (!answer.ok) throw failure(told.error, `the daemon answered ${answer.status}`)
      return told
    } catch (error) {
      if (error instanceof DBALError) throw error
      const outcome = job.kind === 'read' ? 'not_applied' : 'unknown'
      throw late.signal.aborted ? timedOut(outcome) : lost(outcome)
    } finally {
      clearTimeout(timer)
      job.signal?.removeEventListener('abort', abort)
    }
  }

  refresh() {}

  close() {}
}

/** The lines of a stream, handed over as they come. */
async function lines(answer, job) {
  const reader = answer.body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { value, done } = await reader.read()
      rest += decoder.decode(value, { stream: !done })
      const parts = rest.split('\n')
      rest = parts.pop()
      for (const part of parts) {
        if (part === '') continue
        const line = parse(part)
        if (line.error) throw failure(line.error)
        if (line.done !== undefined) return { rows: line.done }
        job.begun = true
        await job.onRows(line.rows, false)
      }
      if (done) throw lost('not_applied')
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}
