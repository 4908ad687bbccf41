import type { Auth, Client } from '../index.js'

export * from '../index.js'

/** A token, and when it ends. */
export interface Token {
  token: string
  expiresAt?: Date | number | string
}

/** Who asks, and where the next token comes from. */
export interface RemoteAuth extends Auth {
  /** Asked for a token before the one at hand ends, and when the daemon takes it no longer. */
  refresh?: () => Promise<Token | string> | Token | string
}

/** Which daemon is asked, and how. */
export interface RemoteConfig {
  mode?: 'development' | 'production'
  /** What the daemon opens; of no meaning here. */
  adapter?: string
  /** `dbal://host:50051`, `dbals://`, `ws(s)://`, `http(s)://`, or `host:port`. */
  endpoint: string
  auth?: RemoteAuth
  naming?: 'declared' | 'camelCase'
  /** Milliseconds that a request may take. */
  timeout?: number
  /** `auto`: a WebSocket, or HTTP where none can be had, which has no transactions. */
  transport?: 'auto' | 'websocket' | 'http'
  /** Whether writes carry a key by which they are sent again and applied once; true unless said. */
  retryWrites?: boolean
  /** In place of the global ones. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  WebSocket?: any
  fetch?: typeof globalThis.fetch
}

/** A client of a daemon. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type RemoteClient<S = any> = Client<S, 'async'> & {
  /** Resolves when the daemon answers; `capabilities` are known from then on. */
  ready(): Promise<void>
}

export const DBALClient: {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  new <S = any>(config: RemoteConfig): RemoteClient<S>
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly prototype: RemoteClient<any>
}
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type DBALClient<S = any> = RemoteClient<S>
