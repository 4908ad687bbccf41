/* The next part of `cargo xtask demo`: the same file, from C. Every outcome is checked; the first wrong one ends it. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dbal.h>

static int number;

static void step(const char *what) { printf("\n%d. %s\n", number++, what); }

static void expect(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "step %d went wrong: %s\n", number - 1, what);
    exit(1);
}

static void works(dbal_status status, dbal_error *err) { expect(status == DBAL_OK, dbal_error_message(err)); }

int main(int count, char **words) {
    if (count != 4) return fprintf(stderr, "usage: %s FILE SCHEMA FIRST\n", words[0]), 2;
    char url[4096];
    dbal_client *db = NULL, *as_bob = NULL, *tx = NULL;
    dbal_error *err = NULL;
    dbal_result *result = NULL;
    snprintf(url, sizeof url, "sqlite:%s", words[1]);
    number = atoi(words[3]);
    works(dbal_open(url, words[2], &db, &err), err);

    step("From C, on the same file: a prepared request reads what the others wrote, into memory that is used again.");
    dbal_value *args = dbal_value_new();
    dbal_statement *read = NULL;
    dbal_set_param(args, "id/username", 0);
    works(dbal_prepare(db, "read", "User", args, &read, &err), err);
    result = dbal_statement_result(read);
    const char *names[] = { "bob", "gloria" };
    int64_t levels[] = { 3, 5 };
    char id[40] = "";
    for (int each = 0; each < 2; each++) {
        dbal_bind_text(read, 0, names[each], DBAL_NUL);
        works(dbal_statement_run(read, &err), err);
        int64_t level = dbal_result_int(result, (size_t)dbal_result_column(result, "level"));
        printf("   > dbal_bind_text(read, 0, \"%s\"), dbal_statement_run(read)\n     level %lld\n", names[each], (long long)level);
        expect(level == levels[each], "Rust raised bob to level 3, and gloria has 5");
        if (each == 0) snprintf(id, sizeof id, "%s", dbal_result_text(result, (size_t)dbal_result_column(result, "id"), NULL));
    }
    dbal_statement_free(read);
    dbal_value_free(args);

    step("A page by C, in a transaction that commits.");
    works(dbal_begin(db, &tx, &err), err);
    args = dbal_value_new();
    dbal_set_text(args, "data/slug", "from-c");
    dbal_set_text(args, "data/title", "Made by C");
    dbal_set_int(args, "data/level", 1);
    dbal_set_json(args, "data/layout", "{\"kind\": \"plain\"}");
    works(dbal_run(tx, "create", "PageView", args, &result, &err), err);
    dbal_result_free(result);
    works(dbal_commit(tx, &err), err);
    dbal_close(tx);
    printf("   > dbal_run(tx, \"create\", \"PageView\", ...), dbal_commit(tx)\n     committed\n");

    step("All faults of an input at once, and a refusal: bob may not make pages.");
    dbal_set_int(args, "data/level", 9);
    dbal_set_text(args, "data/colour", "red");
    dbal_status status = dbal_run(db, "create", "PageView", args, &result, &err);
    expect(status == DBAL_VALIDATION_ERROR && dbal_error_field_count(err) == 2, "two faults");
    for (size_t each = 0; each < dbal_error_field_count(err); each++) {
        printf("     %s: %s\n", dbal_error_field(err, each), dbal_error_field_message(err, each));
    }
    dbal_error_free(err);
    dbal_value_free(args);
    dbal_value *bob = dbal_value_new();
    dbal_set_text(bob, "user/id", id);
    dbal_set_text(bob, "user/role", "user");
    dbal_set_int(bob, "user/level", 3);
    works(dbal_as_principal(db, bob, &as_bob, &err), err);
    status = dbal_run_json(as_bob, "delete", "PageView", "{\"id\": {\"slug\": \"from-c\"}}", &result, &err);
    printf("   > as bob: dbal_run_json(as_bob, \"delete\", \"PageView\", ...)\n     %s: %s\n", dbal_error_code(err), dbal_error_message(err));
    expect(status == DBAL_FORBIDDEN, "no rule lets bob remove pages");
    dbal_error_free(err);
    dbal_value_free(bob);
    dbal_close(as_bob);
    dbal_close(db);
    printf("\nsteps: %d\n", number - 1);
    return 0;
}
