/* Everything that dbal.h has, and every way in which it refuses. Run under valgrind, which must find nothing. */

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static const char *SCHEMA =
    "entity: Author\n"
    "fields:\n"
    "  id: { type: uuid, primary: true, generated: true }\n"
    "  name: { type: string, required: true, unique: true, max_length: 40 }\n"
    "  age: { type: integer, min: 0 }\n"
    "owner: name\n"
    "acl: { read: { self: true } }\n"
    "---\n"
    "entity: Book\n"
    "fields:\n"
    "  id: { type: integer, primary: true }\n"
    "  title: { type: string }\n"
    "  author_id: { type: uuid, foreign_key: { entity: Author } }\n"
    "---\n"
    "entity: Thing\n"
    "fields:\n"
    "  id: { type: bigint, primary: true }\n"
    "  flag: { type: boolean }\n"
    "  real: { type: float }\n"
    "  price: { type: decimal, precision: 30, scale: 2 }\n"
    "  raw: { type: bytes }\n"
    "  at: { type: datetime }\n"
    "  day: { type: date }\n"
    "  doc: { type: json }\n"
    "  kind: { type: enum, values: [a, b] }\n";

static dbal_client *opened(void) {
    dbal_client *db = NULL;
    dbal_value *options = dbal_value_new();
    dbal_set_text(options, "schema/text", SCHEMA);
    OK(dbal_open_with("sqlite::memory:", options, &db, &err));
    dbal_value_free(options);
    OK(dbal_migrate(db, NULL, &err));
    return db;
}

static void make_author(dbal_client *db, const char *name, int64_t age) {
    dbal_value *args = dbal_value_new();
    dbal_result *result = NULL;
    dbal_set_text(args, "data/name", name);
    dbal_set_int(args, "data/age", age);
    OK(dbal_run(db, "create", "Author", args, &result, &err));
    dbal_result_free(result);
    dbal_value_free(args);
}

static int64_t count(dbal_client *db, const char *entity) {
    dbal_result *result = NULL;
    OK(dbal_run(db, "count", entity, NULL, &result, &err));
    int64_t number = dbal_result_number(result);
    CHECK(dbal_result_kind(result) == DBAL_KIND_COUNT);
    dbal_result_free(result);
    return number;
}

static void values(void) {
    dbal_client *db = opened();
    dbal_value *args = dbal_value_new();
    dbal_result *row = NULL;
    size_t length = 0;
    dbal_set_int(args, "data/id", INT64_C(9007199254740993));
    dbal_set_bool(args, "data/flag", true);
    dbal_set_float(args, "data/real", 0.5);
    dbal_set_text(args, "data/price", "12345678901234567890.50");
    dbal_set_bytes(args, "data/raw", (const uint8_t *)"\0\xff\0", 3);
    dbal_set_datetime(args, "data/at", INT64_C(1709208000789));
    dbal_set_date(args, "data/day", 19782);
    dbal_set_json(args, "data/doc", "{\"a\": [1, 2.5, null, \"x\"], \"b/c\": {\"~\": true}}");
    dbal_set_text_n(args, "data/kind", "abc", 1);
    OK(dbal_run(db, "create", "things", args, &row, &err));
    CHECK(dbal_result_kind(row) == DBAL_KIND_ROW && dbal_result_column_count(row) == 9);
    CHECK(dbal_result_row_count(row) == 1);
    SAME(dbal_result_name(row, 0), "id");
    CHECK(dbal_result_name(row, 9) == NULL && dbal_result_column(row, "price") == 3);
    CHECK(dbal_result_column(row, "none") == -1);
    CHECK(dbal_result_type(row, 0) == DBAL_TYPE_INT && dbal_result_int(row, 0) == INT64_C(9007199254740993));
    SAME(dbal_result_text(row, 0, NULL), "9007199254740993");
    CHECK(dbal_result_type(row, 1) == DBAL_TYPE_BOOL && dbal_result_bool(row, 1) && dbal_result_int(row, 1) == 1);
    SAME(dbal_result_text(row, 1, NULL), "true");
    CHECK(dbal_result_type(row, 2) == DBAL_TYPE_FLOAT && dbal_result_float(row, 2) == 0.5);
    SAME(dbal_result_text(row, 2, NULL), "0.5");
    CHECK(dbal_result_type(row, 3) == DBAL_TYPE_DECIMAL && dbal_result_float(row, 3) > 1.2e19);
    SAME(dbal_result_text(row, 3, &length), "12345678901234567890.50");
    CHECK(length == 23);
    CHECK(dbal_result_type(row, 4) == DBAL_TYPE_BYTES);
    CHECK(memcmp(dbal_result_bytes(row, 4, &length), "\0\xff\0", 3) == 0 && length == 3);
    CHECK(dbal_result_type(row, 5) == DBAL_TYPE_DATETIME && dbal_result_int(row, 5) == INT64_C(1709208000789));
    SAME(dbal_result_text(row, 5, NULL), "2024-02-29T12:00:00.789Z");
    CHECK(dbal_result_type(row, 6) == DBAL_TYPE_DATE && dbal_result_int(row, 6) == 19782);
    SAME(dbal_result_text(row, 6, NULL), "2024-02-29");
    CHECK(dbal_result_type(row, 7) == DBAL_TYPE_JSON);
    CHECK(strstr(dbal_result_text(row, 7, NULL), "\"b/c\"") != NULL);
    const dbal_value *doc = dbal_result_value(row, 7);
    CHECK(dbal_value_type(doc) == DBAL_TYPE_MAP && dbal_value_count(doc) == 2);
    CHECK(dbal_value_float(dbal_value_get(doc, "a/1")) == 2.5);
    CHECK(dbal_value_type(dbal_value_get(doc, "a/2")) == DBAL_TYPE_NULL);
    SAME(dbal_value_text(dbal_value_get(doc, "a/3"), &length), "x");
    CHECK(dbal_value_bool(dbal_value_get(doc, "b~1c/~0")));
    SAME(dbal_value_name(doc, 0, &length), "a");
    CHECK(dbal_value_get(doc, "a/9") == NULL && dbal_value_get(doc, "z") == NULL);
    CHECK(dbal_value_at(doc, 7) == NULL && dbal_value_name(doc, 7, NULL) == NULL);
    CHECK(dbal_result_type(row, 8) == DBAL_TYPE_TEXT);
    SAME(dbal_result_text(row, 8, NULL), "a");
    CHECK(dbal_value_int(dbal_result_value(row, 5)) == INT64_C(1709208000789));
    CHECK(dbal_value_int(dbal_result_value(row, 6)) == 19782);
    CHECK(dbal_value_type(dbal_result_value(row, 3)) == DBAL_TYPE_DECIMAL);
    CHECK(dbal_value_float(dbal_result_value(row, 3)) > 1.2e19);
    CHECK(memcmp(dbal_value_bytes(dbal_result_value(row, 4), &length), "\0\xff\0", 3) == 0 && length == 3);
    OK(dbal_result_check(row, &err));

    /* What a cell is not. */
    CHECK(dbal_result_int(row, 2) == 0);
    REFUSED(dbal_result_check(row, &err), DBAL_MISUSE, "column 2 (real) is no whole number");
    OK(dbal_result_check(row, &err));
    CHECK(!dbal_result_bool(row, 0) && dbal_result_bytes(row, 0, &length) == NULL && length == 0);
    CHECK(dbal_result_text(row, 4, &length) == NULL && dbal_result_float(row, 8) == 0);
    CHECK(dbal_result_rows(row, 0) == NULL);
    REFUSED(dbal_result_next(row, &err), DBAL_MISUSE, "column 0 (id) is no boolean");
    CHECK(dbal_result_next(row, NULL) == DBAL_ROW);
    CHECK(dbal_result_is_null(row, 44) && dbal_result_type(row, 44) == DBAL_TYPE_UNSET);
    REFUSED(dbal_result_next(row, &err), DBAL_MISUSE, "no column 44: there are 9");
    CHECK(dbal_result_next(row, NULL) == DBAL_DONE);
    CHECK(dbal_result_text(row, 0, NULL) == NULL);
    REFUSED(dbal_result_next(row, &err), DBAL_MISUSE, "no row under the cursor");
    CHECK(dbal_result_next(row, NULL) == DBAL_DONE);
    OK(dbal_result_rewind(row, &err));
    CHECK(dbal_result_int(row, 6) == 19782);
    dbal_result_free(row);

    /* Null is null, whatever it is read as. */
    dbal_value_free(args);
    args = dbal_value_new();
    dbal_set_int(args, "data/id", 2);
    dbal_set_null(args, "data/flag");
    OK(dbal_run(db, "create", "Thing", args, &row, &err));
    CHECK(dbal_result_is_null(row, 1) && dbal_result_text(row, 1, NULL) == NULL && dbal_result_int(row, 1) == 0);
    CHECK(dbal_result_type(row, 1) == DBAL_TYPE_NULL && !dbal_result_bool(row, 1) && dbal_result_float(row, 2) == 0);
    CHECK(dbal_result_bytes(row, 4, NULL) == NULL && dbal_value_type(dbal_result_value(row, 7)) == DBAL_TYPE_NULL);
    OK(dbal_result_check(row, &err));
    dbal_result_free(row);
    dbal_value_free(args);
    dbal_close(db);
}

static void trees(void) {
    dbal_value *value = dbal_value_new(), *other = NULL;
    size_t length = 0;
    CHECK(dbal_value_type(value) == DBAL_TYPE_UNSET && dbal_value_count(value) == 0);
    dbal_set_text(value, "$or/0/role", "admin");
    dbal_set_int(value, "$or/+/level/$lte", 3);
    SAME(dbal_value_to_json(value, &length), "{\"$or\":[{\"role\":\"admin\"},{\"level\":{\"$lte\":3}}]}");
    CHECK(length == strlen(dbal_value_to_json(value, NULL)));
    dbal_set_bool(value, "$or/0/role", false);
    CHECK(dbal_value_type(dbal_value_get(value, "$or/0/role")) == DBAL_TYPE_BOOL);
    dbal_set_map(value, "empty");
    dbal_set_list(value, "none");
    OK(dbal_value_of_json("[1, \"9007199254740993\", 1.0, {\"x\": null}]", DBAL_NUL, &other, &err));
    CHECK(dbal_value_count(other) == 4 && dbal_value_type(dbal_value_at(other, 2)) == DBAL_TYPE_FLOAT);
    dbal_set_value(value, "copy", other);
    dbal_value_free(other);
    CHECK(dbal_value_int(dbal_value_get(value, "copy/0")) == 1);
    other = dbal_value_new();
    dbal_set_text(other, "", "taken");
    dbal_map_put(value, "a/b", 3, other);
    SAME(dbal_value_text(dbal_value_get(value, "a~1b"), NULL), "taken");
    other = dbal_value_new();
    dbal_list_push(other, dbal_value_new());
    dbal_list_push(other, NULL);
    dbal_map_put(value, "list", DBAL_NUL, other);
    /* A part is freed with the whole, and cannot be given away. */
    dbal_value_free((dbal_value *)dbal_value_get(value, "copy"));
    CHECK(dbal_value_int(dbal_value_get(value, "copy/0")) == 1);
    dbal_value_free(value);
    dbal_value_free(NULL);
    CHECK(dbal_value_type(NULL) == DBAL_TYPE_UNSET && dbal_value_text(NULL, &length) == NULL && length == 0);
    CHECK(dbal_value_get(NULL, "x") == NULL && dbal_value_to_json(NULL, NULL) == NULL);
    REFUSED(dbal_value_of_json("{\"a\": }", DBAL_NUL, &other, &err), DBAL_VALIDATION_ERROR, "");
    REFUSED(dbal_value_of_json("1", DBAL_NUL, NULL, &err), DBAL_MISUSE, "value is NULL");
    REFUSED(dbal_value_of_json(NULL, 4, &other, &err), DBAL_MISUSE, "json is NULL");
    char deep[8001];
    memset(deep, '[', 4000);
    memset(deep + 4000, ']', 4000);
    deep[8000] = 0;
    REFUSED(dbal_value_of_json(deep, DBAL_NUL, &other, &err), DBAL_VALIDATION_ERROR, "");
}

static void faults(void) {
    dbal_client *db = opened(), *none = NULL;
    dbal_error *err = NULL;
    dbal_result *result = NULL;
    dbal_value *args = dbal_value_new();

    /* All faults at once, those of setters as well. */
    dbal_set_text(args, "data/name", "x");
    dbal_set_int(args, "data/age", -1);
    dbal_set_int(args, "data/nickname", 1);
    CHECK(dbal_run(db, "create", "Author", args, &result, &err) == DBAL_VALIDATION_ERROR);
    CHECK(result == NULL && dbal_error_field_count(err) == 2);
    SAME(dbal_error_code(err), "VALIDATION_ERROR");
    SAME(dbal_error_operation(err), "create");
    SAME(dbal_error_entity(err), "Author");
    CHECK(dbal_error_field(err, 0) != NULL && dbal_error_field_message(err, 1) != NULL);
    CHECK(dbal_error_field(err, 2) == NULL && dbal_error_field_message(err, 2) == NULL);
    CHECK(dbal_error_field_row(err, 0) == -1 && dbal_error_reason(err) == NULL && dbal_error_outcome(err) == NULL);
    CHECK(!dbal_error_retryable(err) && dbal_error_retry_after(err) == -1 && dbal_error_entry(err) == -1);
    dbal_error_free(err);
    CHECK(dbal_run(db, "create", "Author", args, &result, NULL) == DBAL_VALIDATION_ERROR);
    dbal_value_free(args);

    args = dbal_value_new();
    dbal_set_text(args, "data/name", "\xff\xfe");
    dbal_set_datetime(args, "data/at", INT64_MAX);
    dbal_set_date(args, "data/day", INT32_MIN);
    dbal_set_int(args, "data/name/inside", 1);
    dbal_set_json(args, "filter", "{");
    dbal_set_text(args, "filter", NULL);
    dbal_set_bytes(args, "data/raw", NULL, 4);
    dbal_set_bytes(args, "data/raw", (const uint8_t *)"x", DBAL_NUL);
    dbal_set_value(args, "data/doc", NULL);
    dbal_set_value(args, "data/doc", (const dbal_value *)db);
    dbal_set_int(args, "list/0", 1);
    dbal_set_int(args, "list/word", 1);
    dbal_set_int(args, "\xff", 1);
    CHECK(dbal_run(db, "create", "Author", args, &result, &err) == DBAL_VALIDATION_ERROR);
    CHECK(dbal_error_field_count(err) == 11);
    SAME(dbal_error_field(err, 0), "name");
    CHECK(strstr(dbal_error_field_message(err, 0), "not UTF-8: byte 0") != NULL);
    SAME(dbal_error_field(err, 3), "filter");
    dbal_error_free(err);
    dbal_set_int(NULL, "x", 1);
    dbal_set_int((dbal_value *)db, "x", 1);
    dbal_value_free(args);

    /* NULL, handles of another kind, unknown words. */
    REFUSED(dbal_run(NULL, "count", "Author", NULL, &result, &err), DBAL_MISUSE, "dbal_client is NULL");
    REFUSED(dbal_run(db, NULL, "Author", NULL, &result, &err), DBAL_MISUSE, "operation is NULL");
    REFUSED(dbal_run(db, "count", "Author", NULL, NULL, &err), DBAL_MISUSE, "result is NULL");
    REFUSED(dbal_run(db, "count", NULL, NULL, &result, &err), DBAL_VALIDATION_ERROR, "entity");
    REFUSED(dbal_run(db, "drop", "Author", NULL, &result, &err), DBAL_VALIDATION_ERROR, "expected one of create");
    REFUSED(dbal_run(db, "count", "Autor", NULL, &result, &err), DBAL_VALIDATION_ERROR, "Author");
    REFUSED(dbal_run(db, "count", "\xff", NULL, &result, &err), DBAL_MISUSE, "entity is not UTF-8");
    args = dbal_value_new();
    REFUSED(dbal_run((dbal_client *)args, "count", "Author", NULL, &result, &err), DBAL_MISUSE, "not a dbal_client");
    REFUSED(dbal_run(db, "count", "Author", (dbal_value *)db, &result, &err), DBAL_MISUSE, "not a dbal_value");
    dbal_set_param(args, "filter/name", 0);
    REFUSED(dbal_run(db, "count", "Author", args, &result, &err), DBAL_MISUSE, "hold parameters");
    dbal_set_int(args, "", 5);
    REFUSED(dbal_run(db, "count", "Author", args, &result, &err), DBAL_VALIDATION_ERROR, "expected names with values");
    dbal_value_free(args);
    REFUSED(dbal_run_json(db, "count", "Author", "[1]", &result, &err), DBAL_VALIDATION_ERROR, "expected names");
    REFUSED(dbal_run_json(db, "count", "Author", "{\"filter\": {\"nam\": 1}}", &result, &err), DBAL_VALIDATION_ERROR,
            "name");

    /* Opening. */
    REFUSED(dbal_open(NULL, "x", &none, &err), DBAL_MISUSE, "url is NULL");
    REFUSED(dbal_open("sqlite::memory:", NULL, &none, &err), DBAL_MISUSE, "schema is NULL");
    REFUSED(dbal_open("sqlite::memory:", "no/such/folder", &none, &err), DBAL_VALIDATION_ERROR, "");
    REFUSED(dbal_open("sqlite::memory:", "x", NULL, &err), DBAL_MISUSE, "client is NULL");
    REFUSED(dbal_open("dbal://127.0.0.1:1", "x", &none, &err), DBAL_VALIDATION_ERROR, "is none of a daemon's client");
    REFUSED(dbal_open("dbal://token@127.0.0.1", NULL, &none, &err), DBAL_VALIDATION_ERROR, "credentials");
    args = dbal_value_new();
    dbal_set_int(args, "pool_size", 0);
    dbal_set_text(args, "colour", "red");
    dbal_set_int(args, "limits/nodes", 3);
    dbal_set_text(args, "rules", "rules: []");
    dbal_set_text(args, "rules_file", "x");
    dbal_set_text(args, "adapter", "prism");
    CHECK(dbal_open_with("sqlite::memory:", args, &none, &err) == DBAL_VALIDATION_ERROR);
    CHECK(dbal_error_field_count(err) == 5);
    dbal_error_free(err);
    dbal_value_free(args);
    REFUSED(dbal_open_with("sqlite::memory:", NULL, &none, &err), DBAL_VALIDATION_ERROR, "schema");

    /* Conflicts. */
    make_author(db, "ada", 36);
    args = dbal_value_new();
    dbal_set_text(args, "data/0/name", "bob");
    dbal_set_text(args, "data/1/name", "ada");
    CHECK(dbal_run(db, "create_many", "Author", args, &result, &err) == DBAL_CONFLICT);
    SAME(dbal_error_reason(err), "unique");
    dbal_error_free(err);
    CHECK(count(db, "Author") == 1);
    dbal_value_free(args);
    REFUSED(dbal_run_json(db, "read", "Author", "{\"id\": {\"name\": \"eve\"}}", &result, &err), DBAL_NOT_FOUND, "Author");

    /* NULL errors can be read, and freed. */
    CHECK(dbal_error_status(NULL) == DBAL_OK && dbal_error_field_count(NULL) == 0);
    SAME(dbal_error_message(NULL), "");
    SAME(dbal_error_code(NULL), "OK");
    CHECK(dbal_error_detail(NULL) == NULL && dbal_error_status((dbal_error *)db) == DBAL_OK);
    dbal_error_free(NULL);
    dbal_error_free((dbal_error *)db);
    dbal_result_free((dbal_result *)db);
    dbal_close(NULL);
    CHECK(count(db, "Author") == 1);

    REFUSED(dbal_reset(db, false, &err), DBAL_VALIDATION_ERROR, "confirm");
    OK(dbal_reset(db, true, &err));
    CHECK(count(db, "Author") == 0);
    dbal_close(db);
}

static void rows(void) {
    dbal_client *db = opened();
    dbal_result *page = NULL;
    char name[20];
    for (int number = 0; number < 25; number++) {
        sprintf(name, "author %02d", number);
        make_author(db, name, number);
    }
    dbal_value *args = dbal_value_new();
    dbal_set_int(args, "filter/age/$gte", 5);
    dbal_set_text(args, "sort/name", "desc");
    dbal_set_int(args, "limit", 3);
    dbal_set_text(args, "select/+", "name");
    dbal_set_text(args, "select/+", "age");
    dbal_set_null(args, "after");
    OK(dbal_run(db, "list", "Author", args, &page, &err));
    CHECK(dbal_result_kind(page) == DBAL_KIND_PAGE && dbal_result_total(page) == 20 && dbal_result_row_count(page) == 3);
    CHECK(dbal_result_page(page) == 1 && dbal_result_limit(page) == 3 && dbal_result_has_more(page));
    CHECK(dbal_result_next_cursor(page) != NULL && dbal_result_prev_cursor(page) == NULL);
    int seen = 0;
    while (dbal_result_next(page, NULL) == DBAL_ROW) {
        sprintf(name, "author %02d", 24 - seen);
        SAME(dbal_result_text(page, 0, NULL), name);
        CHECK(dbal_result_int(page, 1) == 24 - seen);
        seen++;
    }
    CHECK(seen == 3);
    dbal_set_text(args, "after", dbal_result_next_cursor(page));
    dbal_result_free(page);
    OK(dbal_run(db, "list", "Author", args, &page, &err));
    CHECK(dbal_result_next(page, NULL) == DBAL_ROW && dbal_result_int(page, 1) == 21);
    dbal_result_free(page);
    dbal_value_free(args);

    OK(dbal_run_json(db, "aggregate", "Author", "{\"count\": true, \"sum\": [\"age\"]}", &page, &err));
    CHECK(dbal_result_kind(page) == DBAL_KIND_ROW && dbal_result_int(page, dbal_result_column(page, "sum.age")) == 300);
    dbal_result_free(page);
    OK(dbal_run_json(db, "distinct", "Author", "{\"field\": \"age\", \"filter\": {\"age\": {\"$lt\": 2}}}", &page, &err));
    CHECK(dbal_result_kind(page) == DBAL_KIND_VALUES && dbal_result_row_count(page) == 2);
    dbal_result_free(page);
    OK(dbal_run_json(db, "first", "Author", "{\"filter\": {\"age\": 99}}", &page, &err));
    CHECK(dbal_result_kind(page) == DBAL_KIND_NOTHING && dbal_result_next(page, NULL) == DBAL_DONE);
    dbal_result_free(page);
    OK(dbal_run_json(db, "update_many", "Author", "{\"filter\": {\"age\": {\"$lt\": 2}}, \"data\": {\"age\": 77}}", &page, &err));
    CHECK(dbal_result_kind(page) == DBAL_KIND_AFFECTED && dbal_result_number(page) == 2);
    dbal_result_free(page);
    OK(dbal_run_json(db, "delete", "Author", "{\"id\": {\"name\": \"author 07\"}}", &page, &err));
    CHECK(dbal_result_kind(page) == DBAL_KIND_DONE);
    dbal_result_free(page);
    CHECK(dbal_result_next(NULL, NULL) == DBAL_MISUSE && dbal_result_total(NULL) == -1);
    CHECK(dbal_result_kind(NULL) == DBAL_KIND_NOTHING && dbal_result_text(NULL, 0, NULL) == NULL);

    /* Related rows. */
    OK(dbal_run_json(db, "read", "Author", "{\"id\": {\"name\": \"author 03\"}}", &page, &err));
    args = dbal_value_new();
    dbal_set_int(args, "data/0/id", 1);
    dbal_set_text(args, "data/0/title", "One");
    dbal_set_text(args, "data/0/author_id", dbal_result_text(page, 0, NULL));
    dbal_set_int(args, "data/1/id", 2);
    dbal_set_text(args, "data/1/author_id", dbal_result_text(page, 0, NULL));
    dbal_set_int(args, "data/2/id", 3);
    dbal_result_free(page);
    OK(dbal_run(db, "create_many", "Book", args, &page, &err));
    CHECK(dbal_result_row_count(page) == 3);
    dbal_result_free(page);
    dbal_value_free(args);
    OK(dbal_run_json(db, "find_many", "Author",
                     "{\"filter\": {\"age\": {\"$in\": [3, 4]}}, \"include\": {\"books\": {\"include\": {\"author\": true}}}}", &page,
                     &err));
    int64_t books = dbal_result_column(page, "books");
    CHECK(dbal_result_next(page, NULL) == DBAL_ROW && dbal_result_type(page, books) == DBAL_TYPE_ROWS);
    for (int again = 0; again < 2; again++) {
        dbal_result *related = dbal_result_rows(page, books);
        CHECK(dbal_result_kind(related) == DBAL_KIND_ROWS && dbal_result_row_count(related) == 2);
        CHECK(dbal_result_next(related, NULL) == DBAL_ROW && dbal_result_int(related, 0) == 1);
        int64_t author = dbal_result_column(related, "author");
        CHECK(dbal_result_type(related, author) == DBAL_TYPE_ROW);
        SAME(dbal_result_text(dbal_result_rows(related, author), 1, NULL), "author 03");
        dbal_result_free(related);
    }
    CHECK(dbal_result_text(page, books, NULL) == NULL);
    REFUSED(dbal_result_check(page, &err), DBAL_MISUSE, "read its rows");
    CHECK(dbal_value_count(dbal_result_value(page, books)) == 2);
    CHECK(dbal_result_next(page, NULL) == DBAL_ROW);
    CHECK(dbal_result_row_count(dbal_result_rows(page, books)) == 0);
    dbal_result_free(page);
    OK(dbal_run_json(db, "find_many", "Book", "{\"include\": {\"author\": true}, \"sort\": {\"id\": \"desc\"}}", &page, &err));
    CHECK(dbal_result_next(page, NULL) == DBAL_ROW && dbal_result_rows(page, 3) == NULL);
    OK(dbal_result_check(page, &err));
    dbal_result_free(page);
    dbal_close(db);
}

static int32_t until_three(dbal_result *row, void *user) {
    int *seen = user;
    CHECK(dbal_result_text(row, 1, NULL) != NULL);
    dbal_result_free(row);
    return ++*seen == 3;
}

static void *counts_in(void *tx) {
    dbal_result *result = NULL;
    REFUSED(dbal_run(tx, "count", "Author", NULL, &result, &err), DBAL_INTERNAL_ERROR, "one request at a time");
    return NULL;
}

static int32_t uses_the_transaction(dbal_result *row, void *user) {
    pthread_t other;
    (void)row;
    counts_in(user);
    CHECK(pthread_create(&other, NULL, counts_in, user) == 0 && pthread_join(other, NULL) == 0);
    return 0;
}

static int32_t uses_the_row(dbal_result *row, void *user) {
    struct { dbal_statement *statement; int seen; } *both = user;
    /* The callback may ask others meanwhile. */
    OK(dbal_statement_run(both->statement, &err));
    CHECK(dbal_result_number(dbal_statement_result(both->statement)) == 2000 && dbal_result_int(row, 0) == both->seen++);
    return 0;
}

static void streams(void) {
    dbal_client *db = NULL;
    char url[] = "sqlite:/tmp/dbal-suite-XXXXXX", *file = url + 7;
    dbal_value *options = dbal_value_new();
    int made = mkstemp(file);
    CHECK(made >= 0 && close(made) == 0);
    dbal_set_text(options, "schema/text", SCHEMA);
    OK(dbal_open_with(url, options, &db, &err));
    OK(dbal_migrate(db, NULL, &err));
    dbal_value *args = dbal_value_new();
    for (int id = 0; id < 2000; id++) {
        dbal_value *row = dbal_value_new(), *number = dbal_value_new(), *title = dbal_value_new();
        dbal_set_int(number, "", id);
        dbal_set_text(title, NULL, "a title");
        dbal_map_put(row, "id", DBAL_NUL, number);
        dbal_map_put(row, "title", DBAL_NUL, title);
        dbal_value *list = (dbal_value *)dbal_value_get(args, "data");
        if (list == NULL) {
            dbal_set_list(args, "data");
            list = (dbal_value *)dbal_value_get(args, "data");
        }
        dbal_list_push(list, row);
    }
    dbal_result *result = NULL;
    OK(dbal_run(db, "create_many", "Book", args, &result, &err));
    dbal_result_free(result);
    dbal_value_free(args);

    OK(dbal_run(db, "stream", "Book", NULL, &result, &err));
    int64_t next = 0;
    while (dbal_result_next(result, NULL) == DBAL_ROW) {
        CHECK(dbal_result_int(result, 0) == next++);
        SAME(dbal_result_text(result, 1, NULL), "a title");
        CHECK(next > 5 || dbal_result_row_count(result) == 1);
    }
    CHECK(next == 2000);
    dbal_result_free(result);
    OK(dbal_run(db, "stream", "Book", NULL, &result, &err));
    CHECK(dbal_result_next(result, NULL) == DBAL_ROW);
    REFUSED(dbal_result_rewind(result, &err), DBAL_MISUSE, "read once");
    dbal_result_free(result);

    int seen = 0;
    REFUSED(dbal_each(db, "find_many", "Book", NULL, until_three, &seen, &err), DBAL_STOPPED, "wanted no more");
    CHECK(seen == 3);
    seen = 5;
    OK(dbal_each(db, "stream", "Book", NULL, until_three, &seen, &err));
    CHECK(seen == 2005);
    struct { dbal_statement *statement; int seen; } both = { NULL, 0 };
    OK(dbal_prepare(db, "count", "Book", NULL, &both.statement, &err));
    dbal_value *few = dbal_value_new();
    dbal_set_int(few, "limit", 5);
    OK(dbal_each(db, "find_many", "Book", few, uses_the_row, &both, &err));
    CHECK(both.seen == 5);
    dbal_value_free(few);
    dbal_statement_free(both.statement);
    REFUSED(dbal_each(db, "find_many", "Book", NULL, NULL, &seen, &err), DBAL_MISUSE, "callback is NULL");
    REFUSED(dbal_each(db, "batch", NULL, NULL, until_three, &seen, &err), DBAL_MISUSE, "batch");
    REFUSED(dbal_each(db, "create", "Book", NULL, until_three, &seen, &err), DBAL_MISUSE, "create is not for dbal_each");
    CHECK(count(db, "Book") == 2000);

    dbal_client *tx = NULL;
    OK(dbal_begin(db, &tx, &err));
    args = dbal_value_new();
    dbal_set_int(args, "limit", 2);
    OK(dbal_each(tx, "find_many", "Book", args, uses_the_transaction, tx, &err));
    REFUSED(dbal_run(tx, "stream", "Book", NULL, &result, &err), DBAL_CAPABILITY_NOT_SUPPORTED, "stream");
    dbal_value_free(args);
    dbal_close(tx);
    dbal_value_free(options);
    dbal_close(db);
    remove(file);
}

static void statements(void) {
    dbal_client *db = opened();
    dbal_statement *statement = NULL;
    char name[20];
    for (int number = 0; number < 10; number++) {
        sprintf(name, "author %02d", number);
        make_author(db, name, number);
    }
    dbal_value *args = dbal_value_new();
    dbal_set_param(args, "filter/age/$gte", 0);
    dbal_set_param(args, "filter/$or/0/name/$startsWith", 1);
    dbal_set_param(args, "limit", 2);
    OK(dbal_prepare(db, "find_many", "Author", args, &statement, &err));
    dbal_result *result = dbal_statement_result(statement);
    CHECK(dbal_result_next(result, NULL) == DBAL_DONE);
    REFUSED(dbal_statement_run(statement, &err), DBAL_MISUSE, "nothing is bound at position 0");
    dbal_bind_text(statement, 1, "author and more", 6);
    dbal_bind_int(statement, 2, 100);
    for (int least = 0; least < 10; least++) {
        dbal_bind_int(statement, 0, least);
        OK(dbal_statement_run(statement, &err));
        CHECK(dbal_statement_result(statement) == result);
        int seen = 0;
        while (dbal_result_next(result, NULL) == DBAL_ROW) {
            CHECK(dbal_result_int(result, 2) >= least);
            seen++;
        }
        CHECK(seen == 10 - least);
    }
    /* What cannot be bound, and what the engine refuses. */
    dbal_bind_int(statement, 3, 1);
    dbal_bind_text(statement, 1, "\xff", 1);
    dbal_bind_datetime(statement, 0, INT64_MIN);
    dbal_bind_date(statement, 0, INT32_MAX);
    dbal_bind_bytes(statement, 0, NULL, DBAL_NUL);
    dbal_bind_value(statement, 0, NULL);
    REFUSED(dbal_statement_run(statement, &err), DBAL_VALIDATION_ERROR, "position 3: there is no such position");
    REFUSED(dbal_statement_run(statement, &err), DBAL_MISUSE, "nothing is bound at position 0");
    dbal_bind_text(statement, 1, "author", DBAL_NUL);
    dbal_bind_float(statement, 0, 1.5);
    REFUSED(dbal_statement_run(statement, &err), DBAL_VALIDATION_ERROR, "age");
    CHECK(dbal_result_next(result, NULL) == DBAL_DONE);
    dbal_bind_null(statement, 0);
    REFUSED(dbal_statement_run(statement, &err), DBAL_VALIDATION_ERROR, "age");
    dbal_bind_bool(statement, 0, true);
    dbal_bind_bytes(statement, 0, (const uint8_t *)"x", 1);
    dbal_bind_datetime(statement, 0, 0);
    dbal_bind_date(statement, 0, 0);
    dbal_bind_int(statement, 0, 9);
    dbal_bind_text(statement, 1, "author", DBAL_NUL);
    /* It outlives the client that it was prepared on. */
    dbal_close(db);
    OK(dbal_statement_run(statement, &err));
    CHECK(dbal_result_row_count(result) == 1);
    dbal_result_free(result);
    dbal_statement_free(statement);
    dbal_statement_free(NULL);
    dbal_value_free(args);

    db = opened();
    args = dbal_value_new();
    dbal_set_param(args, "filter/age", 1);
    REFUSED(dbal_prepare(db, "count", "Author", args, &statement, &err), DBAL_MISUSE, "no place is left open for position 0");
    dbal_set_param(args, "filter/name/$in", 0);
    OK(dbal_prepare(db, "count", "Author", args, &statement, &err));
    dbal_value *names = dbal_value_new();
    dbal_set_text(names, "0", "x");
    dbal_set_text(names, "1", "y");
    dbal_bind_value(statement, 0, names);
    dbal_bind_null(statement, 1);
    OK(dbal_statement_run(statement, &err));
    CHECK(dbal_result_number(dbal_statement_result(statement)) == 0);
    dbal_value_free(names);
    dbal_statement_free(statement);
    REFUSED(dbal_prepare(NULL, "count", "Author", args, &statement, &err), DBAL_MISUSE, "dbal_client is NULL");
    REFUSED(dbal_prepare(db, "count", "Author", args, NULL, &err), DBAL_MISUSE, "statement is NULL");
    REFUSED(dbal_statement_run(NULL, &err), DBAL_MISUSE, "dbal_statement is NULL");
    CHECK(dbal_statement_result(NULL) == NULL);
    dbal_bind_int(NULL, 0, 1);
    dbal_value_free(args);
    dbal_close(db);
}

static int32_t makes_one(dbal_client *tx, void *user, dbal_error **err) {
    make_author(tx, user, 1);
    dbal_close(tx);
    CHECK(count(tx, "Author") > 0);
    (void)err;
    return 0;
}

static int32_t fails(dbal_client *tx, void *user, dbal_error **err) {
    dbal_result *result = NULL;
    make_author(tx, "gone", 1);
    (void)user;
    return dbal_run_json(tx, "read", "Author", "{\"id\": {\"name\": \"nobody\"}}", &result, err);
}

static int32_t refuses(dbal_client *tx, void *user, dbal_error **err) {
    (void)tx, (void)err;
    return *(int *)user;
}

static void transactions(void) {
    dbal_client *db = opened(), *tx = NULL, *inner = NULL;
    dbal_result *result = NULL;
    dbal_statement *statement = NULL;
    int refusal = 7;
    OK(dbal_begin(db, &tx, &err));
    make_author(tx, "ada", 1);
    OK(dbal_begin(tx, &inner, &err));
    make_author(inner, "eve", 1);
    CHECK(count(inner, "Author") == 2);
    OK(dbal_rollback(inner, &err));
    REFUSED(dbal_commit(inner, &err), DBAL_CONFLICT, "has ended");
    dbal_close(inner);
    OK(dbal_begin(tx, &inner, &err));
    make_author(inner, "fay", 1);
    dbal_close(inner);
    OK(dbal_prepare(tx, "count", "Author", NULL, &statement, &err));
    OK(dbal_statement_run(statement, &err));
    CHECK(dbal_result_number(dbal_statement_result(statement)) == 1);
    OK(dbal_commit(tx, &err));
    REFUSED(dbal_statement_run(statement, &err), DBAL_CONFLICT, "has ended");
    REFUSED(dbal_run(tx, "count", "Author", NULL, &result, &err), DBAL_CONFLICT, "has ended");
    REFUSED(dbal_begin(tx, &inner, &err), DBAL_CONFLICT, "has ended");
    dbal_statement_free(statement);
    CHECK(!dbal_transaction_is_lost(tx));
    dbal_close(tx);
    CHECK(count(db, "Author") == 1);

    OK(dbal_begin(db, &tx, &err));
    make_author(tx, "bob", 1);
    REFUSED(dbal_migrate(tx, NULL, &err), DBAL_MISUSE, "this is a transaction");
    REFUSED(dbal_with_timeout(tx, 5, &inner, &err), DBAL_MISUSE, "this is a transaction");
    REFUSED(dbal_commit(db, &err), DBAL_MISUSE, "this is no transaction");
    REFUSED(dbal_rollback(NULL, &err), DBAL_MISUSE, "NULL");
    dbal_close(tx);
    CHECK(count(db, "Author") == 1);

    OK(dbal_transaction(db, -1, -1, makes_one, "gus", &err));
    CHECK(count(db, "Author") == 2);
    REFUSED(dbal_transaction(db, 3, 5000, fails, NULL, &err), DBAL_NOT_FOUND, "Author");
    CHECK(dbal_transaction(db, 3, 5000, fails, NULL, NULL) == DBAL_NOT_FOUND);
    REFUSED(dbal_transaction(db, 0, 5000, refuses, &refusal, &err), DBAL_STOPPED, "wanted no more");
    REFUSED(dbal_transaction(db, 0, 5000, NULL, NULL, &err), DBAL_MISUSE, "work is NULL");
    CHECK(count(db, "Author") == 2);
    OK(dbal_begin(db, &tx, &err));
    OK(dbal_transaction(tx, -1, -1, makes_one, "hal", &err));
    REFUSED(dbal_transaction(tx, -1, -1, fails, NULL, &err), DBAL_NOT_FOUND, "Author");
    OK(dbal_commit(tx, &err));
    dbal_close(tx);
    CHECK(count(db, "Author") == 3);

    /* A batch. */
    dbal_value *batch = dbal_value_new(), *args = dbal_value_new();
    dbal_set_text(args, "data/name", "ivy");
    OK(dbal_batch_add(batch, "create", "Author", args, &err));
    dbal_value_free(args);
    args = dbal_value_new();
    dbal_set_int(args, "data/id", 1);
    dbal_set_text(args, "data/author_id/$ref", "0.id");
    OK(dbal_batch_add(batch, "create", "Book", args, &err));
    OK(dbal_run(db, "batch", NULL, batch, &result, &err));
    CHECK(dbal_result_kind(result) == DBAL_KIND_BATCH && dbal_result_part_count(result) == 2);
    SAME(dbal_result_text(dbal_result_part(result, 1), 2, NULL), dbal_result_text(dbal_result_part(result, 0), 0, NULL));
    CHECK(dbal_result_part(result, 2) == NULL && dbal_result_part(NULL, 0) == NULL);
    dbal_result_free(dbal_result_part(result, 0));
    dbal_result_free(result);
    dbal_error *err = NULL;
    CHECK(dbal_run(db, "batch", NULL, batch, &result, &err) == DBAL_CONFLICT && dbal_error_entry(err) == 0);
    dbal_error_free(err);
    REFUSED(dbal_batch_add(batch, "drop", "Book", args, &err), DBAL_VALIDATION_ERROR, "operation");
    REFUSED(dbal_batch_add(NULL, "create", "Book", args, &err), DBAL_MISUSE, "dbal_value is NULL");
    dbal_value_free(args);
    dbal_value_free(batch);
    dbal_close(db);
}

static void callers(void) {
    dbal_client *db = opened(), *bound = NULL, *other = NULL;
    dbal_result *result = NULL;
    dbal_value *told = NULL, *principal = dbal_value_new();
    make_author(db, "ada", 1);
    make_author(db, "bob", 1);
    dbal_set_text(principal, "user/id", "ada");
    dbal_set_text(principal, "user/role", "user");
    OK(dbal_as_principal(db, principal, &bound, &err));
    CHECK(count(bound, "Author") == 1);
    REFUSED(dbal_run_json(bound, "create", "Author", "{\"data\": {\"name\": \"x\"}}", &result, &err), DBAL_FORBIDDEN, "");
    REFUSED(dbal_reset(bound, true, &err), DBAL_FORBIDDEN, "");
    REFUSED(dbal_explain(bound, "count", "Author", NULL, NULL, &told, &err), DBAL_FORBIDDEN, "trusted");
    REFUSED(dbal_as_principal(db, NULL, &other, &err), DBAL_MISUSE, "dbal_value is NULL");
    REFUSED(dbal_as_principal_json(db, "{\"usr\": 1, \"roles\": 5}", &other, &err), DBAL_VALIDATION_ERROR, "usr");
    OK(dbal_as_principal_json(db, "{\"user\": {\"id\": \"bob\", \"role\": \"user\"}}", &other, &err));
    CHECK(count(other, "Author") == 1);
    dbal_close(other);

    OK(dbal_explain(db, "find_many", "Author", NULL, principal, &told, &err));
    CHECK(strstr(dbal_value_text(dbal_value_get(told, "steps/0/text"), NULL), "SELECT") != NULL);
    SAME(dbal_value_text(dbal_value_get(told, "adapter"), NULL), "sqlite");
    CHECK(dbal_value_count(dbal_value_get(told, "rules")) == 1);
    dbal_value_free(told);
    OK(dbal_describe(db, &told, &err));
    SAME(dbal_value_text(dbal_value_get(told, "entities/0/name"), NULL), "Author");
    SAME(dbal_value_text(dbal_value_get(told, "entities/0/fields/age"), NULL), "integer");
    dbal_value_free(told);
    CHECK(dbal_capability(db, "transactions") == 2 && dbal_capability(db, "telepathy") == -1);
    int64_t swept = -1;
    OK(dbal_sweep(db, &swept, &err));
    CHECK(swept == 0);
    OK(dbal_migrate(db, &told, &err));
    CHECK(dbal_value_count(told) == 0);
    dbal_value_free(told);
    dbal_value_free(principal);
    dbal_close(bound);
    dbal_close(db);
}

struct patience {
    dbal_client *client;
    dbal_status status;
};

static void *slow(void *user) {
    struct patience *patience = user;
    dbal_result *result = NULL;
    /* Again and again, until it is stopped; a minute is longer than that takes on any machine. */
    time_t last = time(NULL) + 60;
    do {
        patience->status = dbal_run_json(patience->client, "count", "Book",
        "{\"filter\": {\"$and\": [{\"title\": {\"$like\": \"%a%b%c%d%e%f%g%h%i%j%k\"}}, {\"title\": {\"$like\": \"%a%a%a%a%a%a%a%a%z\"}}]}}",
        &result, NULL);
        dbal_result_free(result);
        result = NULL;
    } while (patience->status == DBAL_OK && time(NULL) < last);
    return NULL;
}

static void *counts(void *user) {
    for (int round = 0; round < 50; round++) {
        CHECK(count(user, "Book") == 3);
    }
    return NULL;
}

static void threads(void) {
    dbal_client *db = opened(), *timed = NULL, *patient = NULL, *tx = NULL;
    dbal_result *result = NULL;
    pthread_t all[4];
    dbal_value *args = dbal_value_new();
    char *longest = malloc(60001);
    memset(longest, 'a', 60000);
    longest[60000] = 0;
    for (int id = 0; id < 3; id++) {
        dbal_set_int(args, "data/id", id);
        dbal_set_text(args, "data/title", longest);
        OK(dbal_run(db, "create", "Book", args, &result, &err));
        dbal_result_free(result);
    }
    dbal_value_free(args);
    free(longest);
    for (int each = 0; each < 4; each++) {
        CHECK(pthread_create(&all[each], NULL, counts, db) == 0);
    }
    for (int each = 0; each < 4; each++) {
        CHECK(pthread_join(all[each], NULL) == 0);
    }

    dbal_cancel *cancel = dbal_cancel_new();
    OK(dbal_with_cancel(db, cancel, &patient, &err));
    CHECK(count(patient, "Book") == 3);
    OK(dbal_begin(patient, &tx, &err));
    CHECK(count(tx, "Book") == 3);
    struct patience patience = { patient, DBAL_OK };
    CHECK(pthread_create(&all[0], NULL, slow, &patience) == 0);
    struct timespec moment = { 0, 50000000 };
    nanosleep(&moment, NULL);
    dbal_cancel_now(cancel);
    CHECK(pthread_join(all[0], NULL) == 0);
    CHECK(patience.status == DBAL_TIMEOUT);
    REFUSED(dbal_run(patient, "count", "Book", NULL, &result, &err), DBAL_TIMEOUT, "");
    REFUSED(dbal_begin(patient, &timed, &err), DBAL_TIMEOUT, "");
    REFUSED(dbal_run(tx, "count", "Book", NULL, &result, &err), DBAL_TIMEOUT, "");
    REFUSED(dbal_commit(tx, &err), DBAL_CONFLICT, "");
    dbal_close(tx);
    CHECK(count(db, "Book") == 3);
    dbal_close(patient);
    REFUSED(dbal_with_cancel(db, NULL, &patient, &err), DBAL_MISUSE, "dbal_cancel is NULL");
    dbal_cancel_free(cancel);
    dbal_cancel_free(NULL);
    dbal_cancel_now(NULL);

    OK(dbal_with_timeout(db, 0, &timed, &err));
    dbal_error *err = NULL;
    CHECK(dbal_run_json(timed, "delete_many", "Book", "{\"all\": true}", &result, &err) == DBAL_TIMEOUT);
    SAME(dbal_error_outcome(err), "not_applied");
    CHECK(dbal_error_retryable(err));
    dbal_error_free(err);
    dbal_close(timed);
    dbal_client *newest = NULL;
    OK(dbal_newest(db, &newest, &err));
    CHECK(count(newest, "Book") == 3);
    dbal_close(newest);
    OK(dbal_with_timeout(db, -1, &timed, &err));
    CHECK(count(timed, "Book") == 3);
    dbal_close(timed);
    dbal_close(db);
}

int main(void) {
    CHECK(dbal_abi_version() == DBAL_ABI_VERSION);
    SAME(dbal_version(), DBAL_VERSION);
    values();
    trees();
    faults();
    rows();
    streams();
    statements();
    transactions();
    callers();
    threads();
    puts("test suite.c ... ok");
    return 0;
}
