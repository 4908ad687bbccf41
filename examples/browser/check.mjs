// Looks at the built page in Chromium, as somebody without a token and as an admin: `node check.mjs FOLDER ENDPOINT TOKEN
// NAME`, in which NAME is a user that has to be on the list.
import { createRequire } from 'node:module'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'

const [folder, origin, token, name] = process.argv.slice(2)
const { chromium } = createRequire(join(process.env.DBAL_NODE_TOOLS, 'x.js'))('playwright-core')
const TYPES = { '.html': 'text/html', '.js': 'text/javascript' }

const profile = mkdtempSync(join(tmpdir(), 'dbal-chromium-'))
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.DBAL_CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-features=LocalNetworkAccessChecks'],
})
try {
  const page = await browser.newPage()
  const faults = []
  page.on('pageerror', (error) => faults.push(String(error)))
  await page.route(`${origin}/**`, (route) => {
    const path = normalize(new URL(route.request().url()).pathname)
    const file = join(folder, path === '/' ? 'index.html' : path)
    return route.fulfill({ contentType: TYPES[extname(file)] ?? 'application/octet-stream', body: readFileSync(file) })
  })
  await page.goto(`${origin}/`)
  const refused = await page.waitForSelector('p.error')
  if (!(await refused.textContent()).startsWith('FORBIDDEN')) throw new Error(`nobody saw: ${await refused.textContent()}`)
  await page.fill('input[name=token]', token)
  await page.click('button')
  await page.waitForSelector('ul[data-state=ready]')
  const names = await page.$$eval('li', (items) => items.map((item) => item.textContent))
  if (!names.includes(name)) throw new Error(`${name} is not among ${names.join(', ')}`)
  if (faults.length > 0) throw new Error(faults.join('\n'))
  console.log(`browser: ok, ${names.length} users on the page`)
} finally {
  await browser.close()
  rmSync(profile, { recursive: true, force: true })
}
