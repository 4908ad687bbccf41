// Runs the examples as their reader would, in a folder where the package is installed: node examples.mjs SCHEMA
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'

const schema = process.argv[2]
const run = (...args) => execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

assert.match(run('script.mjs', 'examples.db', schema), /FORBIDDEN no rule permits/)

const rows = Array.from({ length: 4500 }, (_, i) => `person${i},"person${i}@example.org",user,${1 + (i % 5)}`)
writeFileSync('good.csv', ['username,email,role,level', ...rows, ''].join('\n'))
assert.equal(run('import.mjs', 'good.csv', 'User', 'examples.db', schema), '4500 rows of User imported\n')
writeFileSync('bad.csv', 'username,email,role,level\nfine,fine@example.org,user,1\nfaulty,nowhere,user,9\n')
assert.throws(() => run('import.mjs', 'bad.csv', 'User', 'examples.db', schema), ({ stderr }) => {
  assert.match(stderr, /nothing was imported: VALIDATION_ERROR\n {2}row 2: /)
  return true
})

const server = spawn(process.execPath, ['server.mjs', '0', 'examples.db', schema], { stdio: ['ignore', 'pipe', 'inherit'] })
try {
  const [line] = await once(server.stdout.setEncoding('utf8'), 'data')
  const at = /http:\S+/.exec(line)[0]
  const get = async (path, headers) => {
    const response = await fetch(at + path, { headers })
    return [response.status, await response.json()]
  }
  const [status, pages] = await get('/page_views?level=1')
  assert.deepEqual([status, pages.data[0].slug], [200, 'home'])
  const [, users] = await get('/users?level=2', { 'x-user': 'g', 'x-role': 'god' })
  assert.equal(users.total, 900)
  assert.equal((await get('/nothing'))[0], 422)
} finally {
  server.kill()
}
console.log('examples: ok')
