// The client in a browser: `node browser.mjs` opens a page of the package's own files in Chromium and hands it the lines. `DBAL_CHROMIUM` says where the browser is, `DBAL_NODE_TOOLS` where playwright-core is.
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { chromium } = createRequire(join(process.env.DBAL_NODE_TOOLS ?? root, 'x.js'))('playwright-core')

const PAGE = `<!doctype html><title>cases</title><script type="module">
import { DBALClient, DBALError } from '/web/index.mjs'
import { callers } from '/conformance/callers.mjs'
import { run } from '/conformance/serve.mjs'
run({ sync: false, readLine: () => window.nextLine(), answer: (told) => window.toldLine(JSON.stringify(told)), DBALError,
  ...callers(DBALClient, { transport: 'websocket' }) }).then(() => window.ended(), (error) => window.toldLine(String(error.stack)))
</script>`

// The page's own files, answered here instead of by a server: so that its origin is the one that the daemons of tests take,
// however many browsers there are.
const ORIGIN = 'http://127.0.0.1:5599'
async function file(route) {
  const path = normalize(new URL(route.request().url()).pathname)
  if (path === '/') return route.fulfill({ contentType: 'text/html', body: PAGE })
  if (extname(path) !== '.mjs') return route.fulfill({ status: 404 })
  return route.fulfill({ contentType: 'text/javascript', path: join(root, path) })
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const profile = mkdtempSync(join(tmpdir(), 'dbal-chromium-'))
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.DBAL_CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-features=LocalNetworkAccessChecks'],
})
const page = await browser.newPage()
page.on('pageerror', (error) => console.error(error))
page.on('console', (message) => console.error(message.text()))
const ended = new Promise((resolve) => page.exposeFunction('ended', resolve))
await page.exposeFunction('nextLine', async () => {
  const { value, done } = await lines.next()
  return done ? null : value
})
await page.exposeFunction('toldLine', (text) => void process.stdout.write(`${text}\n`))
await page.route(`${ORIGIN}/**`, file)
await page.goto(`${ORIGIN}/`)
await ended
await browser.close()
rmSync(profile, { recursive: true, force: true })
process.exit(0)
