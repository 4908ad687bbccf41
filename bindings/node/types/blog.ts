// A schema as `dbal generate ts` writes it, for the tests of the types.
import type { Increment, Json } from '@metabuilder/dbal'

export interface Author {
  id: number
  name: string
  role: 'user' | 'admin'
  born: Date | null
  score: bigint
}
export interface AuthorCreate {
  id: number
  name: string
  role?: 'user' | 'admin'
  born?: Date | string | null
  score?: bigint | number
}
export interface AuthorUpdate {
  name?: string
  role?: 'user' | 'admin'
  born?: Date | string | null
  score?: bigint | number | Increment<bigint | number>
}
export interface AuthorModel {
  handle: 'authors'
  row: Author
  create: AuthorCreate
  update: AuthorUpdate
  key: number | { id: number } | { name: string }
  relations: { posts: { to: 'Post'; many: true } }
}
export interface Post {
  id: number
  title: string
  meta: Json | null
  author_id: number
}
export interface PostModel {
  handle: 'posts'
  row: Post
  create: { id: number; title: string; meta?: Json | null; author_id: number }
  update: { title?: string; meta?: Json | null; author_id?: number }
  key: number | { id: number }
  relations: { author: { to: 'Author'; many: false } }
}
export interface Schema {
  Author: AuthorModel
  Post: PostModel
}
