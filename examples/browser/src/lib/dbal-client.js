// One client for the whole page. It opens its connection with the first request and finds it again when it was lost.
import { DBALClient } from '@metabuilder/dbal'

const isDevelopment = import.meta.env.DEV

export const dbal = new DBALClient({
  mode: isDevelopment ? 'development' : 'production',
  adapter: 'prisma',
  endpoint: import.meta.env.VITE_DBAL_ENDPOINT || 'localhost:50051',
  auth: {
    session: {
      // Whoever signs people in hands this out: a row of Session, or `dbal token issue`. Of `auth` it is all that is sent.
      token: sessionStorage.getItem('token') ?? undefined,
    },
  },
})

/** Keeps a token for this tab and starts again with it. */
export function signIn(token) {
  sessionStorage.setItem('token', token)
  location.reload()
}
