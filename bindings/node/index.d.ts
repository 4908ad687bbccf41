/** Any JSON document. Whole numbers beyond 2^53 are bigints. */
export type Json = string | number | bigint | boolean | null | Json[] | { [name: string]: Json }

/** `{ $increment: n }` in an update. */
export interface Increment<T> {
  $increment: T
}

/** What `dbal generate ts` writes of one entity. */
export interface Model {
  handle: string
  row: object
  create: object
  update: object
  key: unknown
  relations: object
  /** What some of the databases that it is to run on have not. */
  lacks?: string
}

interface Relation {
  to: string
  many: boolean
}

type AnySchema = { [K in string]: Model }
/** A schema without generated types. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Loose = any

type Row<S, N extends keyof S> = S[N] extends { row: infer R } ? R : never
type Relations<S, N extends keyof S> = S[N] extends { relations: infer R } ? R : never
type Target<S, R> = R extends { to: infer T extends keyof S } ? T : never

/** What may stand where a value of this type is compared. */
type Given<T> = T extends bigint ? bigint | number : T extends Date ? Date | string : T

interface Comparison<T> {
  $eq?: T | null
  $ne?: T | null
  $gt?: T
  $gte?: T
  $lt?: T
  $lte?: T
  $in?: readonly (T | null)[]
  $nin?: readonly (T | null)[]
  $between?: readonly [T, T]
  $exists?: boolean
  $not?: Condition<T>
  $and?: readonly Condition<T>[]
  $or?: readonly Condition<T>[]
}

interface TextComparison {
  $contains?: string
  $startsWith?: string
  $endsWith?: string
  $like?: string
  $icontains?: string
  $istartsWith?: string
  $iendsWith?: string
  $ieq?: string
  $mode?: 'insensitive'
}

/** What is left of a comparison where values have no order. */
interface Equality<T> {
  $eq?: T | null
  $ne?: T | null
  $in?: readonly (T | null)[]
  $nin?: readonly (T | null)[]
  $exists?: boolean
  $not?: T | null | Equality<T>
  $and?: readonly (T | null | Equality<T>)[]
  $or?: readonly (T | null | Equality<T>)[]
}

interface JsonComparison extends Comparison<Json> {
  $path?: readonly (string | number)[]
  $contains?: string
}

type Condition<T> = T | null | Operators<T>
type Operators<T> = [Json] extends [T]
  ? JsonComparison
  : [T] extends [string]
    ? Comparison<T> & TextComparison
    : Comparison<T>

/** What the targets of a schema lack; never, where nothing is known of any. */
type Lacks<S> = unknown extends S ? never : S[keyof S] extends infer M ? (M extends { lacks: infer L } ? L : never) : never
type Has<S, C> = C extends Lacks<S> ? false : true

/** A condition on a field, as far as every target has it. */
type ConditionOf<S, T> = [Exclude<Json, null>] extends [T]
  ? Has<S, 'json_queries'> extends true ? Condition<T> : null | Whole<T> | Whole<Equality<T>>
  : [T] extends [Uint8Array]
    ? Has<S, 'ordered_bytes'> extends true ? Condition<T> : T | null | Equality<T>
    : Condition<T>
/** No path into it. */
type Whole<T> = T extends object ? T & { $path?: never } : T
type Ordered<S, T> = [T] extends [Uint8Array] ? Has<S, 'ordered_bytes'> : true

type RelatedFilter<S, R> = R extends { many: true }
  ? { $some?: Filter<S, Target<S, R>>; $every?: Filter<S, Target<S, R>>; $none?: Filter<S, Target<S, R>> }
  : null | Filter<S, Target<S, R>> | { $is?: Filter<S, Target<S, R>> | null; $isNot?: Filter<S, Target<S, R>> | null }

/** A filter as plain data. */
export type Filter<S, N extends keyof S> = {
  [F in keyof Row<S, N>]?: ConditionOf<S, Given<NonNullable<Row<S, N>[F]>>>
} & {
  [R in keyof Relations<S, N>]?: RelatedFilter<S, Relations<S, N>[R]>
} & {
  $and?: readonly Filter<S, N>[]
  $or?: readonly Filter<S, N>[]
  $not?: Filter<S, N>
  $search?: Has<S, 'full_text_search'> extends true ? string : never
} & { [path: `${string}.${string}`]: Has<S, 'json_queries'> extends true ? unknown : never }

type Direction = 'asc' | 'desc' | { order: 'asc' | 'desc'; nulls?: 'first' | 'last' }
type SortKeys<S, N extends keyof S> = {
  [F in keyof Row<S, N>]?: Ordered<S, NonNullable<Row<S, N>[F]>> extends true ? Direction : never
} & { [path: `${string}.${string}`]: Direction }
/** Keys in their order, or a list of one-key objects. */
export type Sort<S, N extends keyof S> = SortKeys<S, N> | readonly SortKeys<S, N>[]

/** Which related rows come along. */
export type Include<S, N extends keyof S> = {
  [R in keyof Relations<S, N>]?: boolean | IncludeOptions<S, Target<S, Relations<S, N>[R]>>
}
export interface IncludeOptions<S, N extends keyof S> {
  filter?: Filter<S, N>
  sort?: Sort<S, N>
  limit?: number
  offset?: number
  select?: readonly (keyof Row<S, N>)[]
  include?: Include<S, N>
}

/** Refuses names that are no relations, at every depth. */
type Only<S, N extends keyof S, I> = {
  [R in keyof I]: R extends keyof Relations<S, N>
    ? I[R] extends { include: infer Inner }
      ? I[R] & { include: Only<S, Target<S, Relations<S, N>[R]>, Inner> }
      : I[R]
    : never
}

type Picked<S, N extends keyof S, O> = O extends { select: readonly (infer K)[] }
  ? { [P in K & keyof Row<S, N>]: Row<S, N>[P] }
  : Row<S, N>
type Inner<S, N extends keyof S, O> = Picked<S, N, O> & (O extends { include: infer I } ? Included<S, N, I> : unknown)
type Included<S, N extends keyof S, I> = {
  [R in keyof I & keyof Relations<S, N> as I[R] extends false | undefined ? never : R]: Relations<S, N>[R] extends {
    many: true
  }
    ? Inner<S, Target<S, Relations<S, N>[R]>, I[R]>[]
    : Inner<S, Target<S, Relations<S, N>[R]>, I[R]> | null
}

/** A row with the fields selected and the relations included. */
export type Result<S, N extends keyof S, K extends keyof Row<S, N>, I> = { [P in K]: Row<S, N>[P] } & Included<S, N, I>

/** Options of every request. */
export interface RequestOptions {
  /** Milliseconds that it may take. */
  timeout?: number
  /** Gives it up; for promises alone. */
  signal?: AbortSignal
}

interface Shaped<S, N extends keyof S, K extends keyof Row<S, N>, I> extends RequestOptions {
  select?: readonly K[]
  include?: I & Only<S, N, I>
}
interface Filtered<S, N extends keyof S> extends RequestOptions {
  filter?: Filter<S, N>
}
interface Asked<S, N extends keyof S, K extends keyof Row<S, N>, I> extends Shaped<S, N, K, I> {
  filter?: Filter<S, N>
  sort?: Sort<S, N>
  limit?: number
  offset?: number
}
interface Listed<S, N extends keyof S, K extends keyof Row<S, N>, I> extends Asked<S, N, K, I> {
  page?: number
  after?: string | null
  before?: string | null
  total?: boolean
}

/** A page of rows in its envelope. */
export interface Page<T> {
  data: T[]
  /** How many rows there are on all pages; null when not asked for. */
  total: number | null
  page: number
  limit: number
  hasMore: boolean
  nextCursor: string | null
  prevCursor: string | null
}

/** Of a promise, or at once. */
type Answer<M, T> = M extends 'sync' ? T : Promise<T>
type Rows<M, T> = M extends 'sync' ? Generator<T, void> : AsyncGenerator<T, void>
type Fields<S, N extends keyof S> = keyof Row<S, N> & string
type None = Record<never, never>

interface Upsert<S, N extends keyof S> {
  where: S[N] extends { key: infer Key } ? Key : never
  create: Partial<S[N] extends { create: infer C } ? C : never>
  update: S[N] extends { update: infer U } ? U : never
  ifVersion?: number
}

interface Computed<S, N extends keyof S> extends Filtered<S, N> {
  count?: boolean
  sum?: readonly Fields<S, N>[]
  avg?: readonly Fields<S, N>[]
  min?: readonly Fields<S, N>[]
  max?: readonly Fields<S, N>[]
  countDistinct?: readonly Fields<S, N>[]
  having?: { [name: string]: unknown }
  sort?: { [name: string]: Direction } | readonly { [name: string]: Direction }[]
  limit?: number
}
type Sum<T> = NonNullable<T> extends number | bigint ? number | bigint | null : string | null
type Group<S, N extends keyof S, Q, G extends Fields<S, N>> = { [F in G]: Row<S, N>[F] } & (Q extends { count: true }
  ? { count: number }
  : unknown) & {
    [A in 'sum' | 'avg' as Q extends { [P in A]: readonly string[] } ? A : never]: Q extends { [P in A]: readonly (infer F extends Fields<S, N>)[] }
      ? { [P in F]: Sum<Row<S, N>[P]> }
      : never
  } & {
    [A in 'min' | 'max' as Q extends { [P in A]: readonly string[] } ? A : never]: Q extends { [P in A]: readonly (infer F extends Fields<S, N>)[] }
      ? { [P in F]: Row<S, N>[P] | null }
      : never
  } & (Q extends { countDistinct: readonly (infer F extends string)[] } ? { countDistinct: { [P in F]: number } } : unknown)

/** One entity, as a client or a transaction sees it. */
export interface Handle<S, N extends keyof S, M = 'async'> {
  create(data: S[N] extends { create: infer C } ? C : never, options?: RequestOptions): Answer<M, Row<S, N>>
  createMany(rows: readonly (S[N] extends { create: infer C } ? C : never)[], options: RequestOptions & { returning: false }): Answer<M, { count: number }>
  createMany(rows: readonly (S[N] extends { create: infer C } ? C : never)[], options?: RequestOptions & { returning?: true }): Answer<M, Row<S, N>[]>
  read<const K extends Fields<S, N> = Fields<S, N>, const I extends Include<S, N> = None>(
    id: S[N] extends { key: infer Key } ? Key : never,
    options?: Shaped<S, N, K, I>,
  ): Answer<M, Result<S, N, K, I>>
  update(
    id: S[N] extends { key: infer Key } ? Key : never,
    patch: S[N] extends { update: infer U } ? U : never,
    options?: RequestOptions & { ifVersion?: number },
  ): Answer<M, Row<S, N>>
  updateMany(query: Filtered<S, N> & { data: S[N] extends { update: infer U } ? U : never; all?: boolean }): Answer<M, { count: number }>
  delete(id: S[N] extends { key: infer Key } ? Key : never, options?: RequestOptions & { ifVersion?: number }): Answer<M, true>
  deleteMany(query: Filtered<S, N> & { all?: boolean }): Answer<M, { count: number }>
  upsert(query: Upsert<S, N> & RequestOptions): Answer<M, Row<S, N>>
  upsertMany(rows: readonly Upsert<S, N>[], options?: RequestOptions): Answer<M, Row<S, N>[]>
  list<const K extends Fields<S, N> = Fields<S, N>, const I extends Include<S, N> = None>(
    query?: Listed<S, N, K, I>,
  ): Answer<M, Page<Result<S, N, K, I>>>
  findMany<const K extends Fields<S, N> = Fields<S, N>, const I extends Include<S, N> = None>(
    query?: Asked<S, N, K, I>,
  ): Answer<M, Result<S, N, K, I>[]>
  first<const K extends Fields<S, N> = Fields<S, N>, const I extends Include<S, N> = None>(
    query?: Asked<S, N, K, I>,
  ): Answer<M, Result<S, N, K, I> | null>
  /** Rows one after the other, in constant memory. */
  stream<const K extends Fields<S, N> = Fields<S, N>, const I extends Include<S, N> = None>(
    query?: Asked<S, N, K, I>,
  ): Rows<M, Result<S, N, K, I>>
  count(query?: Filtered<S, N>): Answer<M, number>
  distinct<F extends Fields<S, N>>(field: F, query?: Filtered<S, N> & { sort?: Sort<S, N>; limit?: number }): Answer<M, Row<S, N>[F][]>
  aggregate<const Q extends Computed<S, N>, const G extends Fields<S, N>>(
    query: Q & { groupBy: readonly G[] },
  ): Answer<M, Group<S, N, Q, G>[]>
  aggregate<const Q extends Computed<S, N>>(query: Q): Answer<M, Group<S, N, Q, never>>
  /** Runs a declared operation. */
  call(operation: string, input?: object, options?: RequestOptions): Answer<M, unknown>
}

type Handles<S, M> = S extends AnyTyped ? { readonly [N in keyof S as S[N] extends { handle: infer H extends string } ? H : never]: Handle<S, N, M> } : unknown
type AnyTyped = object
type IsLoose<S> = 0 extends 1 & S ? true : false
// Without generated types every plural is a handle of anything.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Surface<S, M> = IsLoose<S> extends true ? { readonly [handle: string]: any } : Handles<S, M>

/** On whose behalf requests run. */
export interface Principal {
  /** What rules see as `$user`. */
  user?: { id?: unknown; role?: string; [claim: string]: unknown }
  /** What rules see as `$session`. */
  session?: { [claim: string]: unknown }
  /** Its roles; absent: `user.role`. */
  roles?: string[]
}

/** A request as data, for `batch` and `explain`. */
export interface RequestData {
  operation: string
  entity: string
  [argument: string]: unknown
}

interface Requests<S, M> {
  /** A handle by the name of the entity, such as `User`, or by its plural. */
  entity<N extends keyof S & string>(name: N): Handle<S, N, M>
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  entity(name: IsLoose<S> extends true ? string : never): any
  /** Runs requests in one transaction, all or none. */
  batch(entries: readonly RequestData[], options?: RequestOptions): Answer<M, unknown[]>
  /** Runs a function in one transaction; inside another, in a savepoint. */
  transaction<T>(
    work: (tx: Transaction<S, M>) => M extends 'sync' ? T : T | Promise<T>,
    options?: RequestOptions & { retries?: number },
  ): Answer<M, T>
}

/** What a transaction offers: everything but streams, and transactions inside it where every target has them. */
export type Transaction<S = Loose, M = 'async'> = (Has<S, 'nested_transactions'> extends true
  ? Requests<S, M>
  : Omit<Requests<S, M>, 'transaction'>) &
  Surface<S, M>

/** The plan of a request, for people. */
export interface Explanation {
  adapter: string
  steps: { purpose: string; text: string; params: string[] }[]
  rules: string[]
  atomic: boolean
}

interface ClientMethods<S, M> extends Requests<S, M> {
  /** The same database on behalf of a principal: every access rule applies. */
  asPrincipal(principal: Principal): Client<S, M>
  /** The same client whose reads see everything that was committed before: none goes to a copy of the database. */
  newest(): Client<S, M>
  /** What would run, without running it. */
  explain(request: RequestData, principal?: Principal): Answer<M, Explanation>
  /** Creates what the database lacks, and says how. */
  migrate(): Answer<M, string[]>
  /** Drops every table and creates it anew, empty. */
  reset(options: { confirm: true }): Answer<M, void>
  capabilities(): { [capability: string]: 'native' | 'emulated' | 'unsupported' }
  readonly warnings: string[]
  close(): Answer<M, void>
}

/** A client: what it can do, and a handle for each entity. */
export type Client<S = Loose, M = 'async'> = ClientMethods<S, M> & Surface<S, M> & Disposal<M>
type Disposal<M> = M extends 'sync' ? { [Symbol.dispose](): void } : { [Symbol.asyncDispose](): Promise<void> }

/** Who asks. A daemon finds out by the token, and by nothing else that is said here. */
export interface Auth extends Principal {
  session?: { token?: string; [claim: string]: unknown }
  /** A token, where it is of no session: a JWT, or an API key. */
  token?: string
}

/** How a database is opened. */
export interface Config {
  mode?: 'development' | 'production'
  /** What the URL says anyway, or `prisma` over a URL of SQLite or PostgreSQL: a database that Prisma made. */
  adapter?: 'sqlite' | 'postgres' | 'mongodb' | 'memory' | 'prisma'
  database?: {
    url: string
    poolSize?: number
    cacheKib?: number
    synchronous?: 'normal' | 'full'
    /** How often rows past their time are removed, in seconds; 0 is never. */
    sweepInterval?: number
  }
  endpoint?: string
  /** A folder of entity files, a schema.prisma, entities as objects, or YAML. */
  schema?: string | { text: string } | object
  acl?: { rules: string } | { rulesFile: string }
  /** On whose behalf; with an endpoint, of this the token alone is sent. */
  auth?: Auth
  /** Of an endpoint with TLS: PEM files. */
  tls?: { ca?: string; cert?: string; key?: string }
  /** Of an endpoint: whether writes carry a key by which they are sent again and applied once; true unless said. */
  retryWrites?: boolean
  limits?: { [limit: string]: number }
  /** `auditLog` is a file with a line for each attempt; without it being written requests fail, unless `open`. */
  security?: { cursorKey?: Uint8Array; auditLog?: string; auditFailure?: 'closed' | 'open' }
  timeout?: number
  naming?: 'declared' | 'camelCase'
}

/** A client that answers with promises. */
export const DBALClient: {
  new <S = Loose>(config: Config): Client<S, 'async'>
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly prototype: Client<any, 'async'>
}
export type DBALClient<S = Loose> = Client<S, 'async'>

/** A client that answers at once, on the calling thread. */
export function openSync<S = Loose>(config: Config): Client<S, 'sync'>
export type SyncClient<S = Loose> = Client<S, 'sync'>

export type ErrorCode =
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'VALIDATION_ERROR'
  | 'RATE_LIMIT_EXCEEDED'
  | 'INTERNAL_ERROR'
  | 'CAPABILITY_NOT_SUPPORTED'
  | 'DATABASE_ERROR'
  | 'TIMEOUT'
  | 'SANDBOX_VIOLATION'
  | 'MALICIOUS_CODE_DETECTED'

/** What dbal reports when it cannot do what was asked. */
export class DBALError extends Error {
  readonly code: ErrorCode
  readonly reason: 'unique' | 'foreign_key' | 'version' | 'serialization' | 'aborted' | 'overflow' | null
  readonly fields: { field: string; message: string; index?: number }[]
  readonly retryable: boolean
  readonly outcome: 'not_applied' | 'unknown' | null
  readonly operation: string | null
  readonly entity: string | null
  /** Milliseconds after which another try makes sense. */
  readonly retryAfter?: number
  /** The driver's own words, for trusted code and the log. */
  readonly detail?: string
}
