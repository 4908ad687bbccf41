// Compiled, never run: every `@ts-expect-error` is a fault that the compiler must find.
import { DBALClient, DBALError, openSync } from '@metabuilder/dbal'
import type { Author, Post, Schema } from './blog'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Flat<T> = { [K in keyof T]: T[K] }
function is<A, B>(_: Equal<Flat<A>, Flat<B>>): void {}

const db = new DBALClient<Schema>({ database: { url: 'file:./x.db' }, schema: './api/schema' })

export async function results() {
  const author = await db.authors.read(1)
  is<typeof author, Author>(true)
  const named = await db.authors.read({ name: 'a' }, { select: ['id', 'born'] })
  is<typeof named, { id: number; born: Date | null }>(true)
  const page = await db.posts.list({ select: ['title'], include: { author: { select: ['name'] } } })
  is<(typeof page.data)[number], { title: string; author: { name: string } | null }>(true)
  const all = await db.authors.findMany({ include: { posts: { include: { author: true } } } })
  const title: string = all[0]!.posts[0]!.title
  const again: string | undefined = all[0]!.posts[0]!.author?.name
  const first = await db.posts.first({ include: { author: false } })
  is<NonNullable<typeof first>, Post>(true)
  const sums = await db.authors.aggregate({ count: true, max: ['born'], groupBy: ['role'] })
  const role: 'user' | 'admin' = sums[0]!.role
  const newest: Date | null = sums[0]!.max.born
  const names: string[] = await db.authors.distinct('name')
  for await (const post of db.posts.stream({ select: ['id'] })) is<typeof post, { id: number }>(true)
  const made: true = await db.authors.delete(1)
  return { title, again, role, newest, names, made, count: sums[0]!.count satisfies number }
}

export async function requests() {
  await db.authors.list({
    filter: { name: { $startsWith: 'a', $mode: 'insensitive' }, born: null, score: { $gte: 3 }, $or: [{ role: 'admin' }] },
    sort: { name: 'asc', born: { order: 'desc', nulls: 'last' } },
  })
  await db.authors.list({ filter: { posts: { $some: { title: 'x', author: { name: 'y' } } } } })
  await db.posts.list({ filter: { 'meta.a.b': 3, meta: { $path: ['a', 0], $exists: true } }, sort: { 'author.name': 'asc' } })
  await db.authors.update(1, { score: { $increment: 1n } })
  await db.authors.upsert({ where: { name: 'a' }, create: { id: 1 }, update: { role: 'user' } })
  const { count } = await db.authors.createMany([{ id: 1, name: 'a' }], { returning: false })
  return count satisfies number
}

export async function faults() {
  // @ts-expect-error no such field
  await db.authors.list({ filter: { nam: 'a' } })
  // @ts-expect-error no such option
  await db.authors.list({ limt: 1 })
  // @ts-expect-error a number is no name
  await db.authors.list({ filter: { name: 3 } })
  // @ts-expect-error not one of the words
  await db.authors.list({ filter: { role: 'god' } })
  // @ts-expect-error text operators are for text
  await db.authors.list({ filter: { score: { $startsWith: 'a' } } })
  // @ts-expect-error no such field
  await db.authors.list({ select: ['nam'] })
  // @ts-expect-error no such relation
  await db.authors.list({ include: { posts: true, comments: true } })
  // @ts-expect-error no such relation there
  await db.authors.list({ include: { posts: { include: { posts: true } } } })
  // @ts-expect-error no such field to sort by
  await db.authors.list({ sort: { nam: 'asc' } })
  // @ts-expect-error name is missing
  await db.authors.create({ id: 1 })
  // @ts-expect-error no such field
  await db.authors.update(1, { nam: 'a' })
  // @ts-expect-error no key
  await db.authors.read({ role: 'user' })
  // @ts-expect-error not selected
  ;(await db.authors.read(1, { select: ['id'] })).name
  // @ts-expect-error not included
  ;(await db.authors.read(1)).posts
  // @ts-expect-error no such entity
  db.entity('Autor')
  // @ts-expect-error no such handle
  db.autors
}

export function sync() {
  const direct = openSync<Schema>({ adapter: 'memory' })
  is<ReturnType<typeof direct.authors.count>, number>(true)
  const name: string = direct.transaction((tx) => tx.authors.read(1).name)
  const bound = direct.asPrincipal({ user: { id: 1, role: 'user', level: 3 } })
  return [name, bound.posts.first()?.title]
}

export async function loose() {
  const any = new DBALClient({ adapter: 'memory' })
  const row = await any.things.read(1)
  await any.migrate()
  try {
    return await db.transaction(async (tx) => (await tx.authors.first())?.name)
  } catch (error) {
    if (error instanceof DBALError && error.code === 'CONFLICT') return [row, error.fields[0]?.field]
    throw error
  }
}
