// Clients of a daemon that believes whoever a token says it is: one for each caller of a case.

/** The token of a caller; none for an anonymous one. */
function tokenOf(caller) {
  if (caller === null) return 'trusted'
  if (Object.keys(caller).length === 0) return undefined
  const { user = {}, session = {}, roles } = caller
  const said = JSON.stringify({ user, session, roles: roles ?? (user.role === undefined ? [] : [user.role]) }, (_, value) => (typeof value === 'bigint' ? Number(value) : value))
  return [...new TextEncoder().encode(said)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** What `run` needs to open clients with a class of clients. */
export function callers(DBALClient, options) {
  return {
    open({ url }) {
      const clients = new Map()
      return {
        of(caller) {
          const token = tokenOf(caller)
          if (!clients.has(token)) {
            clients.set(token, new DBALClient({ endpoint: url, timeout: 20_000, ...(token && { auth: { token } }), ...options }))
          }
          return clients.get(token)
        },
        async close() {
          await Promise.all([...clients.values()].map((client) => client.close()))
        },
      }
    },
    bound: (opened, caller) => opened.of(caller),
  }
}
