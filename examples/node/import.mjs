// Imports a CSV file with a header, some thousand rows at a time, all or nothing, and shows how far it is.
//
//   node import.mjs users.csv User [app.db] [schema folder]
import { createReadStream, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { DBALClient, DBALError } from '@metabuilder/dbal'

const [path, name, file = 'app.db', schema = '../../api/schema'] = process.argv.slice(2)
if (!path || !name) {
  console.error('usage: node import.mjs FILE.csv ENTITY [DATABASE] [SCHEMA]')
  process.exit(2)
}
const dbal = new DBALClient({ database: { url: `file:${file}` }, schema })
await dbal.migrate()

const size = statSync(path).size
const input = createReadStream(path)
let header
let rows = []
let done = 0

/** The cells of a line; a quoted one may hold commas, and quotes twice. Cells over several lines are not read. */
function cells(line) {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain)
}

/** An empty cell is absent; numbers and true and false are what they look like. */
function value(cell) {
  if (cell === '') return undefined
  if (cell === 'true' || cell === 'false') return cell === 'true'
  return /^-?\d{1,15}(\.\d+)?$/.test(cell) ? Number(cell) : cell
}

try {
  await dbal.transaction(async (tx) => {
    const flush = async () => {
      if (rows.length > 0) done += (await tx.entity(name).createMany(rows, { returning: false })).count
      rows = []
      process.stderr.write(`\r${done} rows, ${Math.round((100 * input.bytesRead) / Math.max(size, 1))} %`)
    }
    // Made where it is read from: what it reads before anybody asks for lines is lost.
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      if (header === undefined) {
        header = cells(line)
        continue
      }
      if (line === '') continue
      const row = cells(line)
      rows.push(Object.fromEntries(header.map((field, at) => [field, value(row[at] ?? '')])))
      if (rows.length === 2000) await flush()
    }
    await flush()
  })
  process.stderr.write('\n')
  console.log(`${done} rows of ${name} imported`)
} catch (error) {
  process.stderr.write('\n')
  if (!(error instanceof DBALError)) throw error
  const shown = error.fields.slice(0, 10).map((fault) => `  row ${done + (fault.index ?? 0) + 1}: ${fault.field}: ${fault.message}`)
  console.error([`nothing was imported: ${error.code}`, ...(shown.length > 0 ? shown : [error.message])].join('\n'))
  process.exitCode = 1
}
await dbal.close()
