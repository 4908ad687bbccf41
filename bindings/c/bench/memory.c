/* A million calls of each kind, and what the process holds while they go on: it has to stay flat.

   cc -O2 -I../include memory.c PLACE/lib/libdbal.a -lpthread -lm -ldl -o memory && ./memory [CALLS] */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbal.h"

static long resident(void) {
    long all = 0, held = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &all, &held) != 2) held = 0;
    if (file) fclose(file);
    return held * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(int argc, char **argv) {
    long calls = argc > 1 ? atol(argv[1]) : 1000000;
    dbal_client *db = NULL;
    dbal_error *err = NULL;
    dbal_value *options = dbal_value_new(), *read = dbal_value_new(), *change = dbal_value_new(), *bad = dbal_value_new();
    dbal_result *result = NULL;
    dbal_statement *prepared = NULL;
    dbal_set_text(options, "schema/text", "entity: Note\nfields:\n  id: { type: integer, primary: true }\n  text: { type: string, max_length: 20 }\n");
    if (dbal_open_with("sqlite::memory:", options, &db, &err) != DBAL_OK || dbal_migrate(db, NULL, &err) != DBAL_OK) return 1;
    for (int id = 0; id < 100; id++) {
        dbal_set_int(read, "data/id", id);
        if (dbal_run(db, "create", "Note", read, &result, &err) != DBAL_OK) return 1;
        dbal_result_free(result);
    }
    dbal_value_free(read);
    read = dbal_value_new();
    dbal_set_param(read, "id", 0);
    if (dbal_prepare(db, "read", "Note", read, &prepared, &err) != DBAL_OK) return 1;
    dbal_set_text(change, "data/text", "a text");
    dbal_set_int(change, "id", 7);
    dbal_set_text(bad, "data/text", "a text that is longer than it may be");
    dbal_set_int(bad, "id", 7);
    for (long call = 0; call <= calls; call++) {
        if (call % (calls / 10) == 0) printf("%9ld calls: %ld KiB\n", call, resident()), fflush(stdout);
        switch (call % 5) {
            case 0: case 1:
                dbal_bind_int(prepared, 0, call % 100);
                if (dbal_statement_run(prepared, &err) != DBAL_OK || dbal_result_text(dbal_statement_result(prepared), 0, NULL) == NULL) return 2;
                break;
            case 2:
                if (dbal_run_json(db, "list", "Note", "{\"limit\": 3}", &result, &err) != DBAL_OK) return 3;
                while (dbal_result_next(result, NULL) == DBAL_ROW) dbal_result_value(result, 1);
                dbal_result_free(result);
                break;
            case 3:
                if (dbal_run(db, "update", "Note", change, &result, &err) != DBAL_OK) return 4;
                dbal_result_free(result);
                break;
            default:
                if (dbal_run(db, "update", "Note", bad, &result, &err) != DBAL_VALIDATION_ERROR) return 5;
                dbal_error_free(err);
        }
    }
    return 0;
}
