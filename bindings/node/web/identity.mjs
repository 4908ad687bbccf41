// Who a client is: a token, and where the next one comes from. Nothing else of `auth` leaves the program.
import { invalid } from './shared/error.mjs'

/** How long before its end a token is replaced. */
const EARLY = 30_000

export class Identity {
  constructor(auth) {
    const fault = (field, message) => invalid([{ field: `auth${field}`, message }])
    if (auth !== undefined && (typeof auth !== 'object' || auth === null)) throw fault('', 'expected { session: { token } } or { token }')
    const { user, session, token, refresh, ...others } = auth ?? {}
    for (const name of Object.keys(others)) throw fault(`.${name}`, 'unknown option; expected one of user, session, token, refresh')
    const given = token ?? session?.token
    if (given !== undefined && typeof given !== 'string') throw fault('.session.token', 'expected text')
    if (refresh !== undefined && typeof refresh !== 'function') throw fault('.refresh', 'expected a function')
    // A user without a token proves nothing to anybody: such a client is anonymous.
    this.given = given
    this.ends = endOf(session?.expiresAt)
    this.source = refresh
  }

  async token() {
    if (this.source && (this.given === undefined || (this.ends !== undefined && this.ends - Date.now() < EARLY))) await this.renew()
    return this.given
  }

  /** Asks for another token; false where there is none. */
  renew() {
    if (!this.source) return Promise.resolve(false)
    this.renewing ??= Promise.resolve()
      .then(() => this.source())
      .then((next) => {
        const before = this.given
        this.given = typeof next === 'string' ? next : next?.token
        this.ends = endOf(next?.expiresAt)
        return this.given !== undefined && this.given !== before
      })
      .finally(() => (this.renewing = undefined))
    return this.renewing
  }

  /** A session was opened: its token is replaced before it ends. */
  opened(connection) {
    clearTimeout(this.timer)
    if (!this.source || this.ends === undefined) return
    const wait = Math.max(0, this.ends - Date.now() - EARLY)
    this.timer = setTimeout(async () => {
      if ((await this.renew().catch(() => false)) && !connection.closed) {
        connection.refresh(this.given)
        this.opened(connection)
      }
    }, Math.min(wait, 0x7fffffff))
    // In Node a token that is still good keeps no process alive.
    this.timer.unref?.()
  }

  close() {
    clearTimeout(this.timer)
  }
}

function endOf(given) {
  if (given === undefined || given === null) return undefined
  const time = new Date(given).getTime()
  return Number.isNaN(time) ? undefined : time
}
