/* The same work through dbal and by hand with sqlite3's C API, in alternating rounds of one run: the middle of the rounds.
   Statements are prepared, settings, tables, indexes and rows the same: the second database is a copy of the first. Link
   with libdbal.a, whose SQLite both use then:

   cc -O2 -I../include bench.c PLACE/lib/libdbal.a -lpthread -lm -ldl -o bench && ./bench SCHEMA_OF_THE_BENCHMARKS [ROUNDS] */

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dbal.h"

enum { USERS = 10000, PAGES = 5000, COMMENTS = 100000, MOST = 101 };

static const char *ROLES[] = { "user", "moderator", "admin" };
static const char *BODY = "a comment of about the usual length, with a few words more to make it so";
static char users[USERS][37], pages[PAGES][37];

static void need(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static uint32_t pick(uint32_t i, uint32_t below) { return (11 + i) * 2654435761u * 48271u % below; }

static uint64_t state = 88172645463325252u;

static uint64_t any(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void id_of(char out[37]) {
    uint64_t a = any(), b = any();
    snprintf(out, 37, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
             (unsigned)(b >> 48 & 0xfff), (unsigned long long)(b & 0xffffffffffffull));
}

/* ---- dbal ---- */

static dbal_client *db;
static dbal_statement *by_id, *listed, *made, *changed, *all, *flat;
static dbal_error *err;

static dbal_statement *prepared(const char *operation, const char *entity, dbal_value *args) {
    dbal_statement *statement = NULL;
    need(dbal_prepare(db, operation, entity, args, &statement, &err) == DBAL_OK, dbal_error_message(err));
    dbal_value_free(args);
    return statement;
}

static dbal_result *ran(dbal_statement *statement) {
    if (dbal_statement_run(statement, &err) != DBAL_OK) need(0, dbal_error_message(err));
    return dbal_statement_result(statement);
}

static void prepare_dbal(void) {
    dbal_value *args = dbal_value_new();
    dbal_set_param(args, "id", 0);
    by_id = prepared("read", "User", args);
    args = dbal_value_new();
    dbal_set_param(args, "filter/role", 0);
    dbal_set_int(args, "filter/level/$lte", 3);
    dbal_set_text(args, "sort/created_at", "desc");
    dbal_set_int(args, "limit", 20);
    listed = prepared("list", "User", args);
    args = dbal_value_new();
    const char *fields[] = { "id", "page_id", "author_id", "body", "created_at" };
    for (size_t each = 0; each < 5; each++) {
        char place[40];
        snprintf(place, sizeof place, "data/%s", fields[each]);
        dbal_set_param(args, place, each);
    }
    made = prepared("create", "Comment", args);
    args = dbal_value_new();
    dbal_set_param(args, "id", 0);
    dbal_set_param(args, "data/level", 1);
    changed = prepared("update", "User", args);
    args = dbal_value_new();
    dbal_set_int(args, "limit", 10000);
    all = prepared("find_many", "Comment", args);
    args = dbal_value_new();
    dbal_set_bool(args, "filter/is_active", true);
    dbal_set_text(args, "filter/author/$is/role", "admin");
    dbal_set_text(args, "sort/created_at", "desc");
    dbal_set_int(args, "limit", 50);
    dbal_set_text(args, "include/author/select/0", "username");
    dbal_set_text(args, "include/author/select/1", "level");
    flat = prepared("find_many", "Page", args);
}

/* Every column of the row under the cursor. */
static int64_t user_by_dbal(const dbal_result *row) {
    size_t length, sum = 0;
    for (size_t column = 0; column < 4; column++) {
        need(dbal_result_text(row, column, &length) != NULL, "text");
        sum += length;
    }
    need(sum > 40 && dbal_result_int(row, 5) > 0 && dbal_result_int(row, 6) > 0, "instants");
    return dbal_result_int(row, 4);
}

static int64_t read_by_dbal(uint32_t i) {
    dbal_bind_text(by_id, 0, users[pick(i, USERS)], 36);
    dbal_result *row = ran(by_id);
    return dbal_result_next(row, NULL) == DBAL_ROW ? user_by_dbal(row) : -1;
}

static int64_t list_by_dbal(uint32_t i) {
    dbal_bind_text(listed, 0, ROLES[pick(i, 3)], DBAL_NUL);
    dbal_result *page = ran(listed);
    int64_t sum = dbal_result_total(page);
    while (dbal_result_next(page, NULL) == DBAL_ROW) sum += user_by_dbal(page);
    return sum;
}

static int64_t all_by_dbal(uint32_t i) {
    size_t length, bytes = 0;
    int64_t sum = 0;
    dbal_result *rows = ran(all);
    (void)i;
    while (dbal_result_next(rows, NULL) == DBAL_ROW) {
        for (size_t column = 0; column < 4; column++) {
            need(dbal_result_text(rows, column, &length) != NULL, "text");
            bytes += length;
        }
        sum += dbal_result_int(rows, 4) & 0xff;
    }
    return sum + (int64_t)bytes;
}

static int64_t flat_by_dbal(uint32_t i) {
    int64_t sum = 0;
    size_t length;
    dbal_result *rows = ran(flat);
    (void)i;
    while (dbal_result_next(rows, NULL) == DBAL_ROW) {
        dbal_result *author = dbal_result_rows(rows, 8);
        need(dbal_result_text(rows, 1, &length) && dbal_result_text(rows, 4, &length) && dbal_result_text(author, 0, &length), "text");
        sum += dbal_result_int(rows, 3) + dbal_result_int(author, 1);
    }
    return sum;
}

static void bind_comment(uint32_t i) {
    char id[37];
    id_of(id);
    dbal_bind_text(made, 0, id, 36);
    dbal_bind_text(made, 1, pages[pick(i, PAGES)], 36);
    dbal_bind_text(made, 2, users[pick(i, USERS)], 36);
    dbal_bind_text(made, 3, BODY, DBAL_NUL);
    dbal_bind_datetime(made, 4, INT64_C(1577836800000) + i);
}

static int64_t insert_by_dbal(uint32_t i) {
    bind_comment(i);
    ran(made);
    return 1;
}

static int64_t update_by_dbal(uint32_t i) {
    dbal_bind_text(changed, 0, users[pick(i, USERS)], 36);
    dbal_bind_int(changed, 1, 1 + i % 6);
    ran(changed);
    return 1;
}

/* ---- by hand ---- */

static sqlite3 *hand;
static sqlite3_stmt *h_by_id, *h_listed, *h_count, *h_made, *h_changed, *h_all, *h_flat;

static sqlite3_stmt *sql(const char *text) {
    sqlite3_stmt *statement = NULL;
    need(sqlite3_prepare_v3(hand, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) == SQLITE_OK, sqlite3_errmsg(hand));
    return statement;
}

static void prepare_hand(const char *file) {
    need(sqlite3_open(file, &hand) == SQLITE_OK, "open");
    sqlite3_exec(hand, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536; PRAGMA foreign_keys=ON;"
                       "PRAGMA temp_store=MEMORY; PRAGMA busy_timeout=5000;", NULL, NULL, NULL);
    h_by_id = sql("SELECT id, username, email, role, level, created_at, updated_at FROM users WHERE id = ?");
    h_listed = sql("SELECT id, username, email, role, level, created_at, updated_at FROM users WHERE role = ? AND level <= 3 "
                   "ORDER BY created_at DESC, id LIMIT 20");
    h_count = sql("SELECT count(*) FROM users WHERE role = ? AND level <= 3");
    h_made = sql("INSERT INTO comments (id, page_id, author_id, body, created_at) VALUES (?,?,?,?,?)");
    h_changed = sql("UPDATE users SET level = ? WHERE id = ?");
    h_all = sql("SELECT id, page_id, author_id, body, created_at FROM comments ORDER BY id LIMIT 10000");
    h_flat = sql("SELECT p.id, p.slug, p.title, p.level, p.layout, p.is_active, p.created_at, p.author_id, u.username, u.level "
                 "FROM pages p JOIN users u ON u.id = p.author_id WHERE p.is_active = 1 AND u.role = 'admin' "
                 "ORDER BY p.created_at DESC, p.id LIMIT 50");
}

static int64_t user_by_hand(sqlite3_stmt *row) {
    int sum = 0;
    for (int column = 0; column < 4; column++) {
        need(sqlite3_column_text(row, column) != NULL, "text");
        sum += sqlite3_column_bytes(row, column);
    }
    need(sum > 40 && sqlite3_column_int64(row, 5) > 0 && sqlite3_column_int64(row, 6) > 0, "instants");
    return sqlite3_column_int64(row, 4);
}

static int64_t read_by_hand(uint32_t i) {
    sqlite3_bind_text(h_by_id, 1, users[pick(i, USERS)], 36, SQLITE_STATIC);
    int64_t level = sqlite3_step(h_by_id) == SQLITE_ROW ? user_by_hand(h_by_id) : -1;
    sqlite3_reset(h_by_id);
    return level;
}

static int64_t list_by_hand(uint32_t i) {
    const char *role = ROLES[pick(i, 3)];
    sqlite3_bind_text(h_count, 1, role, -1, SQLITE_STATIC);
    sqlite3_bind_text(h_listed, 1, role, -1, SQLITE_STATIC);
    need(sqlite3_step(h_count) == SQLITE_ROW, "count");
    int64_t sum = sqlite3_column_int64(h_count, 0);
    sqlite3_reset(h_count);
    while (sqlite3_step(h_listed) == SQLITE_ROW) sum += user_by_hand(h_listed);
    sqlite3_reset(h_listed);
    return sum;
}

/* All in memory: each row a struct with texts of its own. */
static int64_t all_by_hand(uint32_t i) {
    struct { char *text[4]; int64_t at; } *rows = malloc(10000 * sizeof *rows);
    int count = 0;
    int64_t sum = 0;
    (void)i;
    for (; sqlite3_step(h_all) == SQLITE_ROW; count++) {
        for (int column = 0; column < 4; column++) {
            size_t length = (size_t)sqlite3_column_bytes(h_all, column);
            rows[count].text[column] = malloc(length + 1);
            memcpy(rows[count].text[column], sqlite3_column_text(h_all, column), length + 1);
            sum += (int64_t)length;
        }
        rows[count].at = sqlite3_column_int64(h_all, 4);
    }
    sqlite3_reset(h_all);
    while (count-- > 0) {
        sum += rows[count].at & 0xff;
        for (int column = 0; column < 4; column++) free(rows[count].text[column]);
    }
    free(rows);
    return sum;
}

static int64_t flat_by_hand(uint32_t i) {
    int64_t sum = 0;
    (void)i;
    while (sqlite3_step(h_flat) == SQLITE_ROW) {
        need(sqlite3_column_text(h_flat, 1) && sqlite3_column_text(h_flat, 4) && sqlite3_column_text(h_flat, 8), "text");
        sum += sqlite3_column_int64(h_flat, 3) + sqlite3_column_int64(h_flat, 9);
    }
    sqlite3_reset(h_flat);
    return sum;
}

static int64_t insert_by_hand(uint32_t i) {
    char id[37];
    id_of(id);
    sqlite3_bind_text(h_made, 1, id, 36, SQLITE_STATIC);
    sqlite3_bind_text(h_made, 2, pages[pick(i, PAGES)], 36, SQLITE_STATIC);
    sqlite3_bind_text(h_made, 3, users[pick(i, USERS)], 36, SQLITE_STATIC);
    sqlite3_bind_text(h_made, 4, BODY, -1, SQLITE_STATIC);
    sqlite3_bind_int64(h_made, 5, INT64_C(1577836800000) + i);
    need(sqlite3_step(h_made) == SQLITE_DONE, sqlite3_errmsg(hand));
    sqlite3_reset(h_made);
    return 1;
}

static int64_t update_by_hand(uint32_t i) {
    sqlite3_bind_int64(h_changed, 1, 1 + i % 6);
    sqlite3_bind_text(h_changed, 2, users[pick(i, USERS)], 36, SQLITE_STATIC);
    need(sqlite3_step(h_changed) == SQLITE_DONE, sqlite3_errmsg(hand));
    sqlite3_reset(h_changed);
    return 1;
}

/* ---- the data ---- */

static void words(char *out, size_t count) {
    static const char *all_words[] = { "lorem", "ipsum", "dolor", "sit", "amet", "elit", "sed", "tempor", "labore", "magna", "aliqua", "enim" };
    for (out[0] = 0; count-- > 0;) strcat(strcat(out, all_words[any() % 12]), count ? " " : "");
}

static void fill(void) {
    dbal_client *tx = NULL, *plain = db;
    char text[400], layout[400];
    need(dbal_begin(db, &tx, &err) == DBAL_OK, "begin");
    db = tx;
    for (int i = 0; i < USERS + PAGES; i++) {
        dbal_value *args = dbal_value_new();
        dbal_result *result = NULL;
        int page = i - USERS;
        char *id = page < 0 ? users[i] : pages[page];
        id_of(id);
        dbal_set_text(args, "data/id", id);
        dbal_set_int(args, "data/level", 1 + (int64_t)(any() % 6));
        if (page < 0) {
            snprintf(text, sizeof text, "user%d@example.org", i);
            dbal_set_text(args, "data/email", text);
            *strchr(text, '@') = 0;
            dbal_set_text(args, "data/username", text);
            dbal_set_text(args, "data/role", ROLES[i % 20 == 0 ? 2 : i % 20 < 4]);
            dbal_set_datetime(args, "data/created_at", INT64_C(1704067200000) + i * 1000);
            dbal_set_datetime(args, "data/updated_at", INT64_C(1704067200000) + i * 1000);
        } else {
            snprintf(text, sizeof text, "page-%d", page);
            dbal_set_text(args, "data/slug", text);
            words(text, 4);
            dbal_set_text(args, "data/title", text);
            words(text, 21);
            snprintf(layout, sizeof layout, "{\"cols\": 3, \"blocks\": [{\"type\": \"text\", \"text\": \"%s\"}]}", text);
            dbal_set_json(args, "data/layout", layout);
            dbal_set_bool(args, "data/is_active", any() % 5 > 0);
            dbal_set_datetime(args, "data/created_at", INT64_C(1704067200000) + page * 2000);
            dbal_set_text(args, "data/author_id", users[any() % USERS]);
        }
        need(dbal_run(tx, "create", page < 0 ? "User" : "Page", args, &result, &err) == DBAL_OK, dbal_error_message(err));
        dbal_result_free(result);
        dbal_value_free(args);
    }
    prepare_dbal();
    for (uint32_t i = 0; i < COMMENTS; i++) {
        bind_comment(i);
        words(text, 8 + any() % 16);
        dbal_bind_text(made, 3, text, DBAL_NUL);
        dbal_bind_datetime(made, 4, INT64_C(1704067200000) + i * INT64_C(500));
        ran(made);
    }
    need(dbal_commit(tx, &err) == DBAL_OK, "commit");
    dbal_statement *mine[] = { by_id, listed, made, changed, all, flat };
    for (size_t each = 0; each < 6; each++) dbal_statement_free(mine[each]);
    dbal_close(tx);
    db = plain;
}

static int by_size(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

int main(int argc, char **argv) {
    need(argc > 1, "usage: bench SCHEMA [ROUNDS]");
    int rounds = argc > 2 ? atoi(argv[2]) : 15;
    char folder[] = "/tmp/dbal-bench-XXXXXX", url[200], copy[300], file[200];
    need(mkdtemp(folder) != NULL && rounds > 0 && rounds < MOST, "a folder, and 1 to 100 rounds");
    snprintf(url, sizeof url, "sqlite:%s/a.db", folder);
    snprintf(file, sizeof file, "%s/b.db", folder);
    snprintf(copy, sizeof copy, "cp %s/a.db %s/b.db", folder, folder);
    dbal_value *options = dbal_value_new();
    dbal_set_text(options, "schema", argv[1]);
    dbal_set_int(options, "cache_kib", 65536);
    need(dbal_open_with(url, options, &db, &err) == DBAL_OK, dbal_error_message(err));
    need(dbal_migrate(db, NULL, &err) == DBAL_OK, dbal_error_message(err));
    fill();
    dbal_close(db);
    need(system(copy) == 0, "copy");
    need(dbal_open_with(url, options, &db, &err) == DBAL_OK, dbal_error_message(err));
    prepare_dbal();
    prepare_hand(file);

    struct { const char *name; int64_t (*hand)(uint32_t), (*dbal)(uint32_t); uint32_t count; } work[] = {
        { "read a user by key", read_by_hand, read_by_dbal, 4000 },
        { "newest 20 users of a role, and how many", list_by_hand, list_by_dbal, 60 },
        { "50 pages with the author's name and level", flat_by_hand, flat_by_dbal, 40 },
        { "10,000 comments, all in memory", all_by_hand, all_by_dbal, 2 },
        { "insert a comment", insert_by_hand, insert_by_dbal, 100 },
        { "update a user by key", update_by_hand, update_by_dbal, 200 },
    };
    printf("SQLite %s, %d rounds\n", sqlite3_libversion(), rounds);
    for (size_t each = 0; each < sizeof work / sizeof *work; each++) {
        static double taken[2][MOST];
        int64_t sums[2] = { 0, 0 };
        for (int round = -1; round < rounds; round++) {
            for (int who = 0; who < 2; who++) {
                double start = now();
                for (uint32_t i = 0; i < work[each].count; i++) sums[who] += (who ? work[each].dbal : work[each].hand)(i);
                if (round >= 0) taken[who][round] = (now() - start) / work[each].count;
            }
        }
        need(sums[0] == sums[1], "they read different rows");
        for (int who = 0; who < 2; who++) qsort(taken[who], (size_t)rounds, sizeof(double), by_size);
        printf("%-45s %10.2f us %10.2f us  %.2f\n", work[each].name, taken[0][rounds / 2], taken[1][rounds / 2],
               taken[1][rounds / 2] / taken[0][rounds / 2]);
    }
    snprintf(copy, sizeof copy, "rm -r %s", folder);
    dbal_close(db);
    sqlite3_close_v2(hand);
    return system(copy);
}
