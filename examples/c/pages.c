/* A small program in C: makes users and pages, lists them, prepares a request, and asks on somebody's behalf.

   cc pages.c $(pkg-config --cflags --libs dbal) -o pages && ./pages SCHEMA [URL] */

#include <stdio.h>
#include <stdlib.h>

#include <dbal.h>

/* Says what went wrong, all of it, and ends. */
static void fail(const char *what, dbal_error *err) {
    fprintf(stderr, "%s: %s: %s\n", what, dbal_error_code(err), dbal_error_message(err));
    for (size_t each = 0; each < dbal_error_field_count(err); each++) {
        fprintf(stderr, "  %s: %s\n", dbal_error_field(err, each), dbal_error_field_message(err, each));
    }
    dbal_error_free(err);
    exit(1);
}

static dbal_result *run(dbal_client *db, const char *operation, const char *entity, const dbal_value *args) {
    dbal_error *err = NULL;
    dbal_result *result = NULL;
    if (dbal_run(db, operation, entity, args, &result, &err) != DBAL_OK) fail(operation, err);
    return result;
}

int main(int count, char **words) {
    if (count < 2) return fprintf(stderr, "usage: %s SCHEMA [URL]\n", words[0]), 2;
    dbal_error *err = NULL;
    dbal_client *db = NULL;
    if (dbal_open(count > 2 ? words[2] : "sqlite::memory:", words[1], &db, &err) != DBAL_OK) fail("open", err);
    if (dbal_migrate(db, NULL, &err) != DBAL_OK) fail("migrate", err);

    dbal_value *user = dbal_value_new();
    dbal_set_text(user, "data/username", "ada");
    dbal_set_text(user, "data/email", "ada@example.org");
    dbal_set_int(user, "data/level", 2);
    dbal_result *ada = run(db, "create", "User", user);
    dbal_value_free(user);

    for (int level = 1; level <= 3; level++) {
        char slug[16];
        snprintf(slug, sizeof slug, "page-%d", level);
        dbal_value *page = dbal_value_new();
        dbal_set_text(page, "data/slug", slug);
        dbal_set_text(page, "data/title", "A page");
        dbal_set_int(page, "data/level", level);
        dbal_set_json(page, "data/layout", "{\"kind\": \"grid\"}");
        dbal_result_free(run(db, "create", "PageView", page));
        dbal_value_free(page);
    }

    dbal_value *query = dbal_value_new();
    dbal_set_int(query, "filter/level/$lte", 2);
    dbal_set_text(query, "filter/layout.kind", "grid");
    dbal_set_text(query, "sort/slug", "desc");
    dbal_set_int(query, "limit", 10);
    dbal_result *pages = run(db, "list", "PageView", query);
    size_t slug = (size_t)dbal_result_column(pages, "slug"), level = (size_t)dbal_result_column(pages, "level");
    printf("%lld pages up to level 2:", (long long)dbal_result_total(pages));
    while (dbal_result_next(pages, &err) == DBAL_ROW) {
        printf(" %s (%lld)", dbal_result_text(pages, slug, NULL), (long long)dbal_result_int(pages, level));
    }
    if (err) fail("list", err);
    printf("\n");
    dbal_result_free(pages);
    dbal_value_free(query);

    /* Prepared: no allocation for a row that is read. */
    dbal_value *by_slug = dbal_value_new();
    dbal_statement *read = NULL;
    dbal_set_param(by_slug, "id/slug", 0);
    if (dbal_prepare(db, "read", "PageView", by_slug, &read, &err) != DBAL_OK) fail("prepare", err);
    dbal_bind_text(read, 0, "page-3", DBAL_NUL);
    if (dbal_statement_run(read, &err) != DBAL_OK) fail("read", err);
    printf("%s has level %lld\n", dbal_result_text(dbal_statement_result(read), slug, NULL),
           (long long)dbal_result_int(dbal_statement_result(read), level));
    dbal_statement_free(read);
    dbal_value_free(by_slug);

    /* Ada asks: rules apply, and no rule lets her make pages. */
    dbal_value *principal = dbal_value_new();
    dbal_client *as_ada = NULL;
    dbal_result *made = NULL;
    dbal_set_text(principal, "user/id", dbal_result_text(ada, (size_t)dbal_result_column(ada, "id"), NULL));
    dbal_set_text(principal, "user/role", "user");
    if (dbal_as_principal(db, principal, &as_ada, &err) != DBAL_OK) fail("as ada", err);
    dbal_status status = dbal_run_json(as_ada, "create", "PageView",
                                       "{\"data\": {\"slug\": \"mine\", \"title\": \"Mine\", \"level\": 1, \"layout\": {}}}", &made, &err);
    if (status != DBAL_FORBIDDEN) return fprintf(stderr, "ada should have been refused\n"), 1;
    printf("as ada: %s\n", dbal_error_message(err));
    dbal_error_free(err);

    dbal_close(as_ada);
    dbal_value_free(principal);
    dbal_result_free(ada);
    dbal_close(db);
    return 0;
}
