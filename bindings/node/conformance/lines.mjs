// Lines on standard input and output, each waited for: what a test program asks, and what it is answered.
import { readSync, writeSync } from 'node:fs'

let rest = Buffer.alloc(0)
export function readLine() {
  for (;;) {
    const end = rest.indexOf(10)
    if (end >= 0) {
      const line = rest.subarray(0, end).toString()
      rest = rest.subarray(end + 1)
      return line
    }
    const chunk = Buffer.alloc(1 << 16)
    const length = readSync(0, chunk)
    if (length === 0) process.exit(0)
    rest = Buffer.concat([rest, chunk.subarray(0, length)])
  }
}

export function answer(told) {
  const bytes = Buffer.from(`${JSON.stringify(told)}\n`)
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at)
}
