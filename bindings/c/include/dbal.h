/* Written by `cargo xtask codegen` from bindings/c/src. Do not edit. */

#ifndef DBAL_H
#define DBAL_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

/** The version of this header. */
#define DBAL_VERSION "0.1.0"
#define DBAL_VERSION_MAJOR 0
#define DBAL_VERSION_MINOR 1
#define DBAL_VERSION_PATCH 0

/** The version of the binary interface; compare it with dbal_abi_version(). */
#define DBAL_ABI_VERSION 1

/** The length that means: up to the NUL. */
#define DBAL_NUL SIZE_MAX

#if defined(_WIN32) && defined(DBAL_SHARED)
#  define DBAL_API __declspec(dllimport)
#elif defined(__GNUC__)
#  define DBAL_API __attribute__((visibility("default")))
#else
#  define DBAL_API
#endif


/**
 * How a call went. Numbers of errors are the same in every host, and never used again.
 */
typedef enum dbal_status {
  /**
   * It is done.
   */
  DBAL_OK = 0,
  /**
   * The entity asked for does not exist, or the caller may not see it.
   */
  DBAL_NOT_FOUND = 1,
  /**
   * The write contradicts what is stored: a unique key, a foreign key, a version, another transaction.
   */
  DBAL_CONFLICT = 2,
  /**
   * The caller's identity is missing or could not be verified.
   */
  DBAL_UNAUTHORIZED = 3,
  /**
   * No rule lets the caller do this.
   */
  DBAL_FORBIDDEN = 4,
  /**
   * The request is malformed or a value breaks a rule of the schema.
   */
  DBAL_VALIDATION_ERROR = 5,
  /**
   * The caller did this too often; try again after `retry_after`.
   */
  DBAL_RATE_LIMIT_EXCEEDED = 6,
  /**
   * A fault in dbal itself.
   */
  DBAL_INTERNAL_ERROR = 7,
  /**
   * The backend, or this version of dbal, cannot do what was asked.
   */
  DBAL_CAPABILITY_NOT_SUPPORTED = 8,
  /**
   * The database failed or holds something that does not fit the schema.
   */
  DBAL_DATABASE_ERROR = 9,
  /**
   * The deadline passed before the database answered.
   */
  DBAL_TIMEOUT = 10,
  /**
   * The request tried what the sandbox forbids: a file or network location outside the configured ones, or a path
   * trick in a URL or name.
   */
  DBAL_SANDBOX_VIOLATION = 11,
  /**
   * The content scan refused a value.
   */
  DBAL_MALICIOUS_CODE_DETECTED = 12,
  /**
   * There is a row under the cursor.
   */
  DBAL_ROW = 1000,
  /**
   * There are no more rows.
   */
  DBAL_DONE = 1001,
  /**
   * The program used the library in a way that it is not to be used: NULL, a handle of another kind or in use, a
   * column that is not there. The error says what.
   */
  DBAL_MISUSE = 1002,
  /**
   * A callback wanted no more.
   */
  DBAL_STOPPED = 1003,
} dbal_status;

/**
 * What a value or a cell is.
 */
typedef enum dbal_type {
  /**
   * Not given; there is no such cell.
   */
  DBAL_TYPE_UNSET = 0,
  /**
   * Null.
   */
  DBAL_TYPE_NULL = 1,
  /**
   * True or false.
   */
  DBAL_TYPE_BOOL = 2,
  /**
   * A whole number of up to 64 bits.
   */
  DBAL_TYPE_INT = 3,
  /**
   * A number with a fraction.
   */
  DBAL_TYPE_FLOAT = 4,
  /**
   * An exact decimal number, read as text.
   */
  DBAL_TYPE_DECIMAL = 5,
  /**
   * Text.
   */
  DBAL_TYPE_TEXT = 6,
  /**
   * Bytes.
   */
  DBAL_TYPE_BYTES = 7,
  /**
   * A UUID, read as text in lower case.
   */
  DBAL_TYPE_UUID = 8,
  /**
   * An instant: milliseconds since 1970 in UTC as a number, RFC 3339 as text.
   */
  DBAL_TYPE_DATETIME = 9,
  /**
   * A day: days since 1970 as a number, YYYY-MM-DD as text.
   */
  DBAL_TYPE_DATE = 10,
  /**
   * A json document, read as JSON text, or as a dbal_value.
   */
  DBAL_TYPE_JSON = 11,
  /**
   * A list.
   */
  DBAL_TYPE_LIST = 12,
  /**
   * Names with values.
   */
  DBAL_TYPE_MAP = 13,
  /**
   * The related row of an include, or null: read with dbal_result_rows.
   */
  DBAL_TYPE_ROW = 14,
  /**
   * The related rows of an include: read with dbal_result_rows.
   */
  DBAL_TYPE_ROWS = 15,
} dbal_type;

/**
 * What an answer is.
 */
typedef enum dbal_kind {
  /**
   * Nothing: `first` found no row, or nothing was asked yet.
   */
  DBAL_KIND_NOTHING = 0,
  /**
   * One row, and the cursor stands on it.
   */
  DBAL_KIND_ROW = 1,
  /**
   * Rows.
   */
  DBAL_KIND_ROWS = 2,
  /**
   * A page of rows.
   */
  DBAL_KIND_PAGE = 3,
  /**
   * A count: dbal_result_number.
   */
  DBAL_KIND_COUNT = 4,
  /**
   * How many rows were written: dbal_result_number.
   */
  DBAL_KIND_AFFECTED = 5,
  /**
   * Rows of one column.
   */
  DBAL_KIND_VALUES = 6,
  /**
   * It is done: `delete`.
   */
  DBAL_KIND_DONE = 7,
  /**
   * An answer for each entry of a batch: dbal_result_part.
   */
  DBAL_KIND_BATCH = 8,
} dbal_kind;

/**
 * Stops requests from another thread. Make it with dbal_cancel_new, free it with dbal_cancel_free; clients that were made
 * with it keep what they need of it. Any thread may use it.
 */
typedef struct dbal_cancel dbal_cancel;

/**
 * A database as one caller sees it, or a transaction. A client may be used by several threads at once; a transaction
 * runs one request at a time. Close it with dbal_close, when nobody uses it any more.
 */
typedef struct dbal_client dbal_client;

/**
 * What went wrong, with everything that is known of it. Free it with dbal_error_free.
 */
typedef struct dbal_error dbal_error;

/**
 * An answer, with a cursor over its rows. Free it with dbal_result_free. Columns are numbered from 0. One thread at a time.
 *
 * Getters cannot fail: what is not there, or is of another type, is 0 or NULL, and where the program asked for what cannot
 * be (a column that is not there, no row under the cursor, a type that the cell is not) the next dbal_result_next, or
 * dbal_result_check, says DBAL_MISUSE with what was wrong.
 */
typedef struct dbal_result dbal_result;

/**
 * A request with places left open, prepared to run often. Free it with dbal_statement_free. One thread at a time.
 */
typedef struct dbal_statement dbal_statement;

/**
 * Data: a value, a list or names with values, inside each other as deep as they need to be. The arguments of a request
 * are names with values. Make it with dbal_value_new, put values at places of it with dbal_set_text and its siblings, and
 * free it with dbal_value_free. One thread at a time.
 */
typedef struct dbal_value dbal_value;

/**
 * Takes one row. What it gives back says whether to go on: 0, or stop.
 */
typedef int32_t (*dbal_row_callback)(struct dbal_result *row, void *user);

/**
 * What is done in a transaction. 0 commits; anything else rolls back, and the error that it may leave in `err` is handed on.
 */
typedef int32_t (*dbal_work)(struct dbal_client *tx, void *user, struct dbal_error **err);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the binary interface: functions are added to it, none is changed or taken away. Compare it with
 * `DBAL_ABI_VERSION`, with which a program was compiled.
 */
DBAL_API uint32_t dbal_abi_version(void);

/**
 * The version of the library, such as "0.1.0". Not to be freed.
 */
DBAL_API const char *dbal_version(void);

/**
 * Frees an error. NULL is fine.
 */
DBAL_API void dbal_error_free(struct dbal_error *err);

/**
 * Its status; DBAL_OK of NULL.
 */
DBAL_API enum dbal_status dbal_error_status(const struct dbal_error *err);

/**
 * Its code, such as "NOT_FOUND", as every host of dbal spells it. Never NULL. As everything that is read from an error it
 * lasts until the error is freed.
 */
DBAL_API
const char *dbal_error_code(const struct dbal_error *err);

/**
 * What went wrong, in words. Never NULL.
 */
DBAL_API const char *dbal_error_message(const struct dbal_error *err);

/**
 * Why a write was refused: "unique", "foreign_key", "version", "serialization", "aborted" or "overflow"; NULL otherwise.
 */
DBAL_API
const char *dbal_error_reason(const struct dbal_error *err);

/**
 * What is known of a write whose connection was lost or whose time ran out: "not_applied" or "unknown"; NULL otherwise.
 */
DBAL_API const char *dbal_error_outcome(const struct dbal_error *err);

/**
 * The operation, such as "find_many"; NULL where none is known.
 */
DBAL_API const char *dbal_error_operation(const struct dbal_error *err);

/**
 * The entity; NULL where none is known.
 */
DBAL_API const char *dbal_error_entity(const struct dbal_error *err);

/**
 * The database's own words, for a log; NULL where there are none, and for callers that rules apply to.
 */
DBAL_API const char *dbal_error_detail(const struct dbal_error *err);

/**
 * Whether the same request, or the whole transaction, may succeed when it is tried again.
 */
DBAL_API bool dbal_error_retryable(const struct dbal_error *err);

/**
 * After how many milliseconds it may; -1 where that is not known.
 */
DBAL_API int64_t dbal_error_retry_after(const struct dbal_error *err);

/**
 * Which entry of a batch failed, from 0; -1 otherwise.
 */
DBAL_API int64_t dbal_error_entry(const struct dbal_error *err);

/**
 * How many faults the error lists. All that is wrong with an input is told at once.
 */
DBAL_API size_t dbal_error_field_count(const struct dbal_error *err);

/**
 * Where fault `index` is: a field, or a place such as "filter.age.$gt". NULL past the last one.
 */
DBAL_API const char *dbal_error_field(const struct dbal_error *err, size_t index);

/**
 * What is wrong there and what was expected. NULL past the last one.
 */
DBAL_API const char *dbal_error_field_message(const struct dbal_error *err, size_t index);

/**
 * In which row of an input of many rows, from 0; -1 otherwise.
 */
DBAL_API int64_t dbal_error_field_row(const struct dbal_error *err, size_t index);

/**
 * A value that is not given yet. What is set inside makes it a list or names with values.
 */
DBAL_API struct dbal_value *dbal_value_new(void);

/**
 * The value that a JSON text says. `length` in bytes, DBAL_NUL for up to the NUL.
 */
DBAL_API
enum dbal_status dbal_value_of_json(const char *json,
                                    size_t length,
                                    struct dbal_value **value,
                                    struct dbal_error **err);

/**
 * Frees a value and all of its parts. NULL is fine; parts of another one are left alone.
 */
DBAL_API void dbal_value_free(struct dbal_value *value);

/**
 * What it is; DBAL_TYPE_UNSET of NULL.
 */
DBAL_API enum dbal_type dbal_value_type(const struct dbal_value *value);

/**
 * A boolean; false of everything else.
 */
DBAL_API bool dbal_value_bool(const struct dbal_value *value);

/**
 * A whole number; the milliseconds since 1970 of an instant, the days of a date; 0 of everything else.
 */
DBAL_API int64_t dbal_value_int(const struct dbal_value *value);

/**
 * A number; 0 of everything else.
 */
DBAL_API double dbal_value_float(const struct dbal_value *value);

/**
 * A text, a UUID or a decimal, with NUL behind it; NULL of everything else. Its length goes to `length` unless that is
 * NULL. It lasts as long as the value does and is not changed.
 */
DBAL_API const char *dbal_value_text(const struct dbal_value *value, size_t *length);

/**
 * Bytes; NULL of everything else.
 */
DBAL_API const uint8_t *dbal_value_bytes(const struct dbal_value *value, size_t *length);

/**
 * How many parts a list, or names with values, has; 0 of everything else.
 */
DBAL_API size_t dbal_value_count(const struct dbal_value *value);

/**
 * Part `index` of a list, or the value of name `index`; NULL past the last. It belongs to `value`.
 */
DBAL_API const struct dbal_value *dbal_value_at(const struct dbal_value *value, size_t index);

/**
 * Name `index`; NULL past the last, and of everything else.
 */
DBAL_API const char *dbal_value_name(const struct dbal_value *value, size_t index, size_t *length);

/**
 * The part at a place, such as "steps/0/text"; NULL where there is none. It belongs to `value`.
 */
DBAL_API const struct dbal_value *dbal_value_get(const struct dbal_value *value, const char *path);

/**
 * The value as JSON; NULL where it cannot be told. It lasts until the value is changed, freed, or asked once more.
 */
DBAL_API const char *dbal_value_to_json(struct dbal_value *value, size_t *length);

/**
 * Puts null at a place of a value. A place is names with "/" between them: "data/username", "filter/level/$lte",
 * "sort/created_at"; a number is a position in a list, "+" one behind its end: "select/+", "filter/$or/0/role". "~1" is a
 * slash inside a name, "~0" a tilde; "" is the value itself. What is not there is made. Setters give nothing back: what
 * cannot be set is told by the request that the value is given to, all of it at once.
 */
DBAL_API
void dbal_set_null(struct dbal_value *value,
                   const char *path);

/**
 * Puts true or false at a place.
 */
DBAL_API void dbal_set_bool(struct dbal_value *value, const char *path, bool flag);

/**
 * Puts a whole number at a place.
 */
DBAL_API void dbal_set_int(struct dbal_value *value, const char *path, int64_t number);

/**
 * Puts a number with a fraction at a place.
 */
DBAL_API void dbal_set_float(struct dbal_value *value, const char *path, double number);

/**
 * Puts a text at a place, up to its NUL; a UUID, a decimal, a date or an instant too. It is copied, and so is all that
 * setters are given.
 */
DBAL_API void dbal_set_text(struct dbal_value *value, const char *path, const char *text);

/**
 * Puts a text of `length` bytes at a place.
 */
DBAL_API void dbal_set_text_n(struct dbal_value *value, const char *path, const char *text, size_t length);

/**
 * Puts bytes at a place.
 */
DBAL_API void dbal_set_bytes(struct dbal_value *value, const char *path, const uint8_t *bytes, size_t length);

/**
 * Puts an instant at a place, in milliseconds since 1970-01-01 in UTC.
 */
DBAL_API void dbal_set_datetime(struct dbal_value *value, const char *path, int64_t milliseconds);

/**
 * Puts a day at a place, in days since 1970-01-01.
 */
DBAL_API void dbal_set_date(struct dbal_value *value, const char *path, int32_t days);

/**
 * Puts what a JSON text says at a place: a whole filter, a document.
 */
DBAL_API void dbal_set_json(struct dbal_value *value, const char *path, const char *json);

/**
 * Puts a copy of another value at a place.
 */
DBAL_API void dbal_set_value(struct dbal_value *value, const char *path, const struct dbal_value *other);

/**
 * Leaves a place open for a value that is bound later: positions are numbered from 0. For dbal_prepare.
 */
DBAL_API void dbal_set_param(struct dbal_value *value, const char *path, size_t position);

/**
 * Puts a value under a name as it is, whatever it is made of, and takes it: it is not to be used or freed afterwards.
 */
DBAL_API void dbal_map_put(struct dbal_value *map, const char *name, size_t length, struct dbal_value *value);

/**
 * Puts a value at the end of a list, and takes it: it is not to be used or freed afterwards.
 */
DBAL_API void dbal_list_push(struct dbal_value *list, struct dbal_value *value);

/**
 * Makes a value an empty list, which no place in it would.
 */
DBAL_API void dbal_set_list(struct dbal_value *value, const char *path);

/**
 * Makes a value names with values, of which there are none yet.
 */
DBAL_API void dbal_set_map(struct dbal_value *value, const char *path);

/**
 * Opens a database: "sqlite:app.db", "sqlite::memory:", "postgresql://...", "mongodb://..." or "memory:", with the
 * entities below the folder `schema`. The client is trusted: no access rule applies to it. "dbal://host:50051" and the other
 * URLs of a daemon are asked over the network: `schema` is NULL then, since the daemon has its own.
 */
DBAL_API
enum dbal_status dbal_open(const char *url,
                           const char *schema,
                           struct dbal_client **client,
                           struct dbal_error **err);

/**
 * The same with options by name: `schema` (a folder, a schema.prisma, entities as names with values, or "schema/text":
 * YAML), `adapter` (what the URL says anyway, or "prisma" for a database that Prisma made), `rules` (the text of a rules
 * file) or `rules_file`, `timeout` in milliseconds, `pool_size`, `cache_kib`, `synchronous` ("normal" or "full"),
 * `limits`, `cursor_key` (32 bytes). Those of a daemon's URL are `token`, `ca`, `cert` and `key` (files, for TLS),
 * `retry_writes` and `timeout`.
 */
DBAL_API
enum dbal_status dbal_open_with(const char *url,
                                const struct dbal_value *options,
                                struct dbal_client **client,
                                struct dbal_error **err);

/**
 * Closes a client, or lets go of a transaction: one that was not committed is rolled back. NULL is fine. The database is
 * closed when its last client is, and the last statement and stream of these.
 */
DBAL_API
void dbal_close(struct dbal_client *client);

/**
 * The same database on behalf of a caller: every access rule applies. `principal` has "user" with "id", "role" and
 * further claims, and "session", and "roles" where that is not the user's role.
 */
DBAL_API
enum dbal_status dbal_as_principal(const struct dbal_client *client,
                                   const struct dbal_value *principal,
                                   struct dbal_client **bound,
                                   struct dbal_error **err);

/**
 * The same with the principal as JSON: "{\"user\": {\"id\": ..., \"role\": \"user\"}}".
 */
DBAL_API
enum dbal_status dbal_as_principal_json(const struct dbal_client *client,
                                        const char *principal,
                                        struct dbal_client **bound,
                                        struct dbal_error **err);

/**
 * The same client whose reads see everything that was committed before: none goes to a copy of the database.
 */
DBAL_API
enum dbal_status dbal_newest(const struct dbal_client *client,
                             struct dbal_client **newest,
                             struct dbal_error **err);

/**
 * The same client with a deadline for each request, in milliseconds; a negative number is none.
 */
DBAL_API
enum dbal_status dbal_with_timeout(const struct dbal_client *client,
                                   int64_t milliseconds,
                                   struct dbal_client **timed,
                                   struct dbal_error **err);

/**
 * The same client, whose requests stop when `cancel` is cancelled: those under way and those that come later are
 * DBAL_TIMEOUT, and nothing of what they wrote stays.
 */
DBAL_API
enum dbal_status dbal_with_cancel(const struct dbal_client *client,
                                  const struct dbal_cancel *cancel,
                                  struct dbal_client **cancellable,
                                  struct dbal_error **err);

/**
 * Something to cancel with.
 */
DBAL_API struct dbal_cancel *dbal_cancel_new(void);

/**
 * Cancels, from any thread, and once for all. It takes locks: a signal handler wakes a thread that calls it.
 */
DBAL_API void dbal_cancel_now(const struct dbal_cancel *cancel);

/**
 * Frees it, cancelled or not. NULL is fine.
 */
DBAL_API void dbal_cancel_free(struct dbal_cancel *cancel);

/**
 * Creates what the database lacks: tables, indexes. The statements that ran go to `statements` as a list, unless that is
 * NULL.
 */
DBAL_API
enum dbal_status dbal_migrate(const struct dbal_client *client,
                              struct dbal_value **statements,
                              struct dbal_error **err);

/**
 * Drops all tables of the schema with their rows and creates them anew. For tests; `confirm` has to be true.
 */
DBAL_API enum dbal_status dbal_reset(const struct dbal_client *client, bool confirm, struct dbal_error **err);

/**
 * Removes rows past their time. How many there were goes to `count`, unless that is NULL.
 */
DBAL_API enum dbal_status dbal_sweep(const struct dbal_client *client, int64_t *count, struct dbal_error **err);

/**
 * How the backend offers a capability, such as "joins": 2 natively, 1 emulated with the same result, 0 not at all; -1
 * where there is none of this name.
 */
DBAL_API int32_t dbal_capability(const struct dbal_client *client, const char *name);

/**
 * The entities with their fields and relations, what the backend can do, and what is odd about the schema: names with
 * values "entities", "capabilities" and "warnings", to be freed.
 */
DBAL_API
enum dbal_status dbal_describe(const struct dbal_client *client,
                               struct dbal_value **description,
                               struct dbal_error **err);

/**
 * Runs a request: `operation` is "create", "read", "update", "delete", "list", "find_many", "first", "stream", "count",
 * "distinct", "aggregate", "create_many", "update_many", "delete_many", "upsert", "upsert_many", "call" or "batch"; `entity`
 * is a name ("User") or a plural ("users"), of which "batch" and "call" need none; `args` are its arguments by name, NULL
 * for none. The answer is to be freed. That of "stream" reads rows while they are taken.
 */
DBAL_API
enum dbal_status dbal_run(const struct dbal_client *client,
                          const char *operation,
                          const char *entity,
                          const struct dbal_value *args,
                          struct dbal_result **result,
                          struct dbal_error **err);

/**
 * The same with the arguments as JSON: "{\"filter\": {\"role\": \"admin\"}, \"limit\": 10}". NULL is none.
 */
DBAL_API
enum dbal_status dbal_run_json(const struct dbal_client *client,
                               const char *operation,
                               const char *entity,
                               const char *args,
                               struct dbal_result **result,
                               struct dbal_error **err);

/**
 * Runs a request that reads and hands over each row while it is still in the driver's buffer: nothing is kept. The row
 * belongs to the callback until it returns. When that says to stop, the request ends, and DBAL_STOPPED comes back. The callback MUST NOT use the transaction that is asked, and MUST NOT throw or jump over this call.
 */
DBAL_API
enum dbal_status dbal_each(const struct dbal_client *client,
                           const char *operation,
                           const char *entity,
                           const struct dbal_value *args,
                           dbal_row_callback callback,
                           void *user,
                           struct dbal_error **err);

/**
 * Adds an entry to the arguments of a "batch": an operation on an entity with its arguments, which are copied. An entry
 * may use what an earlier one answered: {"$ref": "0.id"} is the `id` in the answer of the first.
 */
DBAL_API
enum dbal_status dbal_batch_add(struct dbal_value *batch,
                                const char *operation,
                                const char *entity,
                                const struct dbal_value *args,
                                struct dbal_error **err);

/**
 * What would run: names with values "adapter", "steps" (each "purpose", "text", "params"), "rules" and "atomic", to be
 * freed. For trusted code, of its own request or on behalf of `principal`; NULL is trusted code.
 */
DBAL_API
enum dbal_status dbal_explain(const struct dbal_client *client,
                              const char *operation,
                              const char *entity,
                              const struct dbal_value *args,
                              const struct dbal_value *principal,
                              struct dbal_value **plan,
                              struct dbal_error **err);

/**
 * Frees an answer. A stream stops reading. NULL is fine; answers that are parts of something are left alone.
 */
DBAL_API void dbal_result_free(struct dbal_result *result);

/**
 * What it is.
 */
DBAL_API enum dbal_kind dbal_result_kind(const struct dbal_result *result);

/**
 * Goes on to the next row: DBAL_ROW, or DBAL_DONE behind the last one, or what went wrong. What getters gave of the row
 * before is gone then.
 */
DBAL_API enum dbal_status dbal_result_next(struct dbal_result *result, struct dbal_error **err);

/**
 * Whether the getters since the last step were given what they can answer.
 */
DBAL_API enum dbal_status dbal_result_check(struct dbal_result *result, struct dbal_error **err);

/**
 * Back to before the first row. Not of a stream.
 */
DBAL_API enum dbal_status dbal_result_rewind(struct dbal_result *result, struct dbal_error **err);

/**
 * How many rows there are; of a stream, whether one is under the cursor.
 */
DBAL_API size_t dbal_result_row_count(const struct dbal_result *result);

/**
 * A count, or how many rows were written.
 */
DBAL_API int64_t dbal_result_number(const struct dbal_result *result);

/**
 * How many rows there are on all pages; -1 where that was not asked for.
 */
DBAL_API int64_t dbal_result_total(const struct dbal_result *result);

/**
 * Which page it is, from 1; 0 where it is none.
 */
DBAL_API int64_t dbal_result_page(const struct dbal_result *result);

/**
 * How many rows a full page has; 0 where it is none.
 */
DBAL_API int64_t dbal_result_limit(const struct dbal_result *result);

/**
 * Whether rows follow this page.
 */
DBAL_API bool dbal_result_has_more(const struct dbal_result *result);

/**
 * Of a page by cursor: what to give as `after` for the next one. NULL where there is none.
 */
DBAL_API const char *dbal_result_next_cursor(const struct dbal_result *result);

/**
 * Of a page by cursor: what to give as `before` for the one before. NULL where there is none.
 */
DBAL_API const char *dbal_result_prev_cursor(const struct dbal_result *result);

/**
 * How many answers a batch has.
 */
DBAL_API size_t dbal_result_part_count(const struct dbal_result *result);

/**
 * The answer to entry `index` of a batch; NULL past the last. It belongs to `result`.
 */
DBAL_API struct dbal_result *dbal_result_part(struct dbal_result *result, size_t index);

/**
 * How many columns the rows have. An answer without a row may have none.
 */
DBAL_API size_t dbal_result_column_count(const struct dbal_result *result);

/**
 * The name of a column: a field, a relation, or such as "count" and "sum.price". NULL past the last. It lasts until the
 * answer is freed, or has rows with other columns, as those of an upsert may.
 */
DBAL_API const char *dbal_result_name(const struct dbal_result *result, size_t column);

/**
 * The number of a column; -1 where there is none of this name. Rows of one answer have their columns in one order, so it
 * is worth asking once.
 */
DBAL_API
int64_t dbal_result_column(const struct dbal_result *result,
                           const char *name);

/**
 * What a cell is; DBAL_TYPE_UNSET where there is none.
 */
DBAL_API enum dbal_type dbal_result_type(const struct dbal_result *result, size_t column);

/**
 * Whether a cell is null; so is one that is not there.
 */
DBAL_API bool dbal_result_is_null(const struct dbal_result *result, size_t column);

/**
 * A boolean.
 */
DBAL_API bool dbal_result_bool(const struct dbal_result *result, size_t column);

/**
 * A whole number; the milliseconds since 1970 of an instant, the days of a date.
 */
DBAL_API int64_t dbal_result_int(const struct dbal_result *result, size_t column);

/**
 * A number; of a decimal the nearest there is.
 */
DBAL_API double dbal_result_float(const struct dbal_result *result, size_t column);

/**
 * A cell as text with NUL behind it: texts, UUIDs and documents as they are, numbers, booleans, instants and days as they
 * are written; NULL of null. Its length goes to `length` unless that is NULL: text from the outside may hold no NUL, so
 * the length says nothing more. It lasts until the next step.
 */
DBAL_API
const char *dbal_result_text(const struct dbal_result *result,
                             size_t column,
                             size_t *length);

/**
 * Bytes; NULL of null. They last until the next step.
 */
DBAL_API const uint8_t *dbal_result_bytes(const struct dbal_result *result, size_t column, size_t *length);

/**
 * A cell as a value: a document taken apart. It belongs to `result` and lasts until the next step.
 */
DBAL_API const struct dbal_value *dbal_result_value(const struct dbal_result *result, size_t column);

/**
 * The related rows of an include, before the first of them; NULL where there is none. They belong to `result` and last
 * until the next step.
 */
DBAL_API struct dbal_result *dbal_result_rows(const struct dbal_result *result, size_t column);

/**
 * Prepares a request whose `args` have places that were left open with dbal_set_param. It runs on `client`, which may be a
 * transaction, and stays usable when that is closed.
 */
DBAL_API
enum dbal_status dbal_prepare(const struct dbal_client *client,
                              const char *operation,
                              const char *entity,
                              const struct dbal_value *args,
                              struct dbal_statement **statement,
                              struct dbal_error **err);

/**
 * Frees a statement with its answer. NULL is fine.
 */
DBAL_API void dbal_statement_free(struct dbal_statement *statement);

/**
 * Runs it with what is bound. Its answer takes the place of the one before.
 */
DBAL_API enum dbal_status dbal_statement_run(struct dbal_statement *statement, struct dbal_error **err);

/**
 * The answer of the last run, the same pointer each time. It belongs to the statement.
 */
DBAL_API struct dbal_result *dbal_statement_result(struct dbal_statement *statement);

/**
 * Binds null. Positions are numbered from 0; what is bound stays for further runs.
 */
DBAL_API void dbal_bind_null(struct dbal_statement *statement, size_t position);

/**
 * Binds true or false.
 */
DBAL_API void dbal_bind_bool(struct dbal_statement *statement, size_t position, bool flag);

/**
 * Binds a whole number.
 */
DBAL_API void dbal_bind_int(struct dbal_statement *statement, size_t position, int64_t number);

/**
 * Binds a number with a fraction.
 */
DBAL_API void dbal_bind_float(struct dbal_statement *statement, size_t position, double number);

/**
 * Binds a text of `length` bytes, DBAL_NUL for up to the NUL; a UUID, a decimal, a date or an instant too. It is copied.
 */
DBAL_API
void dbal_bind_text(struct dbal_statement *statement,
                    size_t position,
                    const char *text,
                    size_t length);

/**
 * Binds bytes. They are copied.
 */
DBAL_API void dbal_bind_bytes(struct dbal_statement *statement, size_t position, const uint8_t *bytes, size_t length);

/**
 * Binds an instant, in milliseconds since 1970-01-01 in UTC.
 */
DBAL_API void dbal_bind_datetime(struct dbal_statement *statement, size_t position, int64_t milliseconds);

/**
 * Binds a day, in days since 1970-01-01.
 */
DBAL_API void dbal_bind_date(struct dbal_statement *statement, size_t position, int32_t days);

/**
 * Binds a copy of a value: a list for `$in`, a document.
 */
DBAL_API void dbal_bind_value(struct dbal_statement *statement, size_t position, const struct dbal_value *given);

/**
 * Begins a transaction, or one inside a transaction: a client whose requests happen together or not at all. End it with
 * dbal_commit or dbal_rollback, and close it with dbal_close.
 */
DBAL_API
enum dbal_status dbal_begin(const struct dbal_client *client,
                            struct dbal_client **transaction,
                            struct dbal_error **err);

/**
 * Commits. Whether it worked or not, the transaction has ended; close it.
 */
DBAL_API enum dbal_status dbal_commit(struct dbal_client *transaction, struct dbal_error **err);

/**
 * Rolls back. The transaction has ended; close it.
 */
DBAL_API enum dbal_status dbal_rollback(struct dbal_client *transaction, struct dbal_error **err);

/**
 * Does `work` in one transaction, and again from its start when another transaction got there first: `retries` times at
 * most, 2 if that is negative, with pauses between. All of it takes `milliseconds` at most, the client's own time if that is
 * negative. The transaction is closed when `work` returns, which MUST NOT throw or jump over this call. In a transaction,
 * one inside it is begun, and not run again.
 */
DBAL_API
enum dbal_status dbal_transaction(const struct dbal_client *client,
                                  int32_t retries,
                                  int64_t milliseconds,
                                  dbal_work work,
                                  void *user,
                                  struct dbal_error **err);

/**
 * Whether a transaction met another one that got there first: rolled back and run again from its start, it may succeed.
 */
DBAL_API bool dbal_transaction_is_lost(const struct dbal_client *transaction);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* DBAL_H */
