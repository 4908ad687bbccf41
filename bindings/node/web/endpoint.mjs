// Where a daemon is.
import { invalid } from './shared/error.mjs'

const SCHEMES = { dbal: [false, 50051], dbals: [true, 50051], ws: [false, 80], wss: [true, 443], http: [false, 80], https: [true, 443] }

/** The addresses of an endpoint, for WebSocket and for HTTP. `host:port` is `dbal://host:port`. */
export function endpointOf(text) {
  const fault = (message) => invalid([{ field: 'endpoint', message }])
  if (typeof text !== 'string' || text === '') throw fault('expected something like localhost:50051 or wss://host')
  const [, scheme = 'dbal', rest] = /^(?:([a-z]+):\/\/)?(.*)$/s.exec(text)
  const known = SCHEMES[scheme]
  if (!known) throw fault('unknown scheme; expected dbal, dbals, ws, wss, http, https, or host:port')
  const [, authority, path] = /^([^/]*)(.*)$/s.exec(rest)
  if (authority.includes('@') || /[?#]/.test(rest)) {
    throw fault('expected a host and maybe a port and a path; credentials have options of their own')
  }
  const [secure, usual] = known
  let url
  try {
    url = new URL(`http${secure ? 's' : ''}://${authority}${path}`)
  } catch {
    throw fault('expected a host and maybe a port and a path')
  }
  // A port that is usual for HTTP is not seen in a URL that names it.
  const port = /:(\d+)$/.exec(authority)?.[1] ?? usual
  const place = `${url.hostname}:${port}${url.pathname.replace(/\/+$/, '')}`
  return { socket: `ws${secure ? 's' : ''}://${place}/v1/ws`, http: `http${secure ? 's' : ''}://${place}/v1` }
}
