/* Speaks the lines of dbal_conformance::process through dbal.h. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbal.h"

#define DEEPEST 20

static dbal_client *stack[DEEPEST];
static int depth = -1;

/* The daemon's address, where one is asked. */
static char *remote;

/* What a stream ended with. */
static dbal_error *broken;

/* NUL, which JSON that dbal reads cannot hold, comes as U+E000. */
static size_t with_nul(char *text, size_t length) {
    size_t kept = 0;
    for (size_t each = 0; each < length; each++, kept++) {
        bool nul = !strncmp(text + each, "\xee\x80\x80", 3);
        text[kept] = nul ? 0 : text[each];
        if (nul) each += 2;
    }
    return kept;
}

static void answer_error(dbal_error *err) {
    dbal_value *told = dbal_value_new();
    dbal_set_text(told, "error/code", dbal_error_code(err));
    dbal_set_text(told, "error/message", dbal_error_message(err));
    if (dbal_error_reason(err)) dbal_set_text(told, "error/reason", dbal_error_reason(err));
    dbal_set_list(told, "error/fields");
    for (size_t each = 0; each < dbal_error_field_count(err); each++) {
        dbal_value *fault = dbal_value_new();
        dbal_set_text(fault, "field", dbal_error_field(err, each));
        dbal_set_text(fault, "message", dbal_error_field_message(err, each));
        if (dbal_error_field_row(err, each) >= 0) dbal_set_int(fault, "index", dbal_error_field_row(err, each));
        dbal_list_push((dbal_value *)dbal_value_get(told, "error/fields"), fault);
    }
    printf("%s\n", dbal_value_to_json(told, NULL));
    dbal_value_free(told);
    dbal_error_free(err);
}

/* A value of a line as the program would give it. */
static dbal_value *given(const dbal_value *told) {
    dbal_value *value = dbal_value_new();
    const char *name = dbal_value_name(told, 0, NULL);
    if (dbal_value_type(told) == DBAL_TYPE_LIST) {
        dbal_set_list(value, NULL);
        for (size_t each = 0; each < dbal_value_count(told); each++) dbal_list_push(value, given(dbal_value_at(told, each)));
        return value;
    }
    size_t length = 0;
    if (dbal_value_type(told) == DBAL_TYPE_TEXT) {
        char *text = (char *)dbal_value_text(told, &length);
        length = with_nul(text, length);
        return dbal_set_text_n(value, NULL, text, length), value;
    }
    if (name == NULL) return dbal_set_value(value, NULL, told), value;
    const dbal_value *inner = dbal_value_at(told, 0);
    const char *text = dbal_value_text(inner, &length);
    if (!strcmp(name, "$map")) {
        dbal_set_map(value, NULL);
        for (size_t each = 0; each < dbal_value_count(inner); each++) {
            const dbal_value *pair = dbal_value_at(inner, each);
            const char *key = dbal_value_text(dbal_value_at(pair, 0), &length);
            dbal_map_put(value, key, with_nul((char *)key, length), given(dbal_value_at(pair, 1)));
        }
    } else if (!strcmp(name, "$bigint")) dbal_set_int(value, NULL, strtoll(text, NULL, 10));
    else if (!strcmp(name, "$float")) dbal_set_float(value, NULL, strtod(text, NULL));
    else if (!strcmp(name, "$datetime")) dbal_set_datetime(value, NULL, dbal_value_int(inner));
    else if (!strcmp(name, "$bytes")) {
        static const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        uint8_t *bytes = (uint8_t *)malloc(length + 1);
        size_t count = 0, bits = 0, held = 0;
        for (size_t each = 0; each < length && text[each] != '='; each++) {
            held = held << 6 | (size_t)(strchr(digits, text[each]) - digits);
            if ((bits += 6) >= 8) bytes[count++] = (uint8_t)(held >> (bits -= 8));
        }
        dbal_set_bytes(value, NULL, bytes, count);
        free(bytes);
    }
    return value;
}

static dbal_value *one(const char *tag, dbal_value *inner) {
    dbal_value *value = dbal_value_new();
    dbal_map_put(value, tag, DBAL_NUL, inner);
    return value;
}

static dbal_value *text_of(const char *text) {
    dbal_value *value = dbal_value_new();
    dbal_set_text(value, NULL, text);
    return value;
}

static void pair(dbal_value *list, const char *name, size_t length, dbal_value *inner) {
    dbal_value *both = dbal_value_new(), *key = dbal_value_new();
    dbal_set_text_n(key, NULL, name, length);
    dbal_list_push(both, key);
    dbal_list_push(both, inner);
    dbal_list_push(list, both);
}

/* A value that was read, in the form of the lines. */
static dbal_value *shown(const dbal_value *read) {
    dbal_value *value = dbal_value_new(), *list = dbal_value_new();
    char digits[32];
    switch (dbal_value_type(read)) {
        case DBAL_TYPE_INT:
            snprintf(digits, sizeof digits, "%lld", (long long)dbal_value_int(read));
            dbal_set_text(value, "$bigint", digits);
            break;
        case DBAL_TYPE_DATETIME: dbal_set_int(value, "$datetime", dbal_value_int(read)); break;
        case DBAL_TYPE_BYTES: dbal_set_value(value, "$bytes", read); break; /* JSON has bytes as base64 */
        case DBAL_TYPE_LIST:
            dbal_set_list(value, NULL);
            for (size_t each = 0; each < dbal_value_count(read); each++) dbal_list_push(value, shown(dbal_value_at(read, each)));
            break;
        case DBAL_TYPE_MAP:
            dbal_set_list(list, NULL);
            for (size_t each = 0; each < dbal_value_count(read); each++) {
                size_t length = 0;
                const char *name = dbal_value_name(read, each, &length);
                pair(list, name, length, shown(dbal_value_at(read, each)));
            }
            dbal_map_put(value, "$map", DBAL_NUL, list);
            return value;
        case DBAL_TYPE_UNSET: dbal_set_null(value, NULL); break;
        default: dbal_set_value(value, NULL, read);
    }
    dbal_value_free(list);
    return value;
}

static dbal_value *row_of(dbal_result *row);

static dbal_value *rows_of(dbal_result *rows, bool cells) {
    dbal_value *list = dbal_value_new();
    dbal_set_list(list, NULL);
    while (dbal_result_next(rows, &broken) == DBAL_ROW) {
        dbal_list_push(list, cells ? shown(dbal_result_value(rows, 0)) : row_of(rows));
    }
    return list;
}

static dbal_value *row_of(dbal_result *row) {
    dbal_value *list = dbal_value_new();
    dbal_set_list(list, NULL);
    for (size_t each = 0; each < dbal_result_column_count(row); each++) {
        const char *name = dbal_result_name(row, each), *dot = strchr(name, '.');
        dbal_type type = dbal_result_type(row, each);
        dbal_value *cell = type == DBAL_TYPE_ROW    ? row_of(dbal_result_rows(row, each))
                           : type == DBAL_TYPE_ROWS ? rows_of(dbal_result_rows(row, each), false)
                                                    : shown(dbal_result_value(row, each));
        if (dot == NULL) {
            pair(list, name, DBAL_NUL, cell);
            continue;
        }
        /* "sum.price" is price inside sum. */
        dbal_value *outer = NULL;
        size_t length = (size_t)(dot - name);
        for (size_t known = 0; known < dbal_value_count(list); known++) {
            const char *other = dbal_value_text(dbal_value_at(dbal_value_at(list, known), 0), NULL);
            if (!strncmp(other, name, length) && other[length] == 0) outer = (dbal_value *)dbal_value_at(dbal_value_at(list, known), 1);
        }
        if (outer == NULL) {
            pair(list, name, length, one("$map", dbal_value_new()));
            outer = (dbal_value *)dbal_value_at(dbal_value_at(list, dbal_value_count(list) - 1), 1);
        }
        pair((dbal_value *)dbal_value_at(outer, 0), dot + 1, DBAL_NUL, cell);
    }
    return one("$map", list);
}

static dbal_value *number_of(int64_t number) {
    dbal_value *read = dbal_value_new(), *value;
    dbal_set_int(read, NULL, number);
    value = shown(read);
    dbal_value_free(read);
    return value;
}

static dbal_value *null(void) {
    dbal_value *value = dbal_value_new();
    dbal_set_null(value, NULL);
    return value;
}

static dbal_value *answer_of(dbal_result *result, const char *operation) {
    dbal_value *list = dbal_value_new(), *value;
    dbal_set_list(list, NULL);
    switch (dbal_result_kind(result)) {
        case DBAL_KIND_ROW:
            value = !strcmp(operation, "call") && dbal_result_column_count(result) == 1 && !strcmp(dbal_result_name(result, 0), "value")
                        ? shown(dbal_result_value(result, 0)) : row_of(result);
            break;
        case DBAL_KIND_ROWS: value = rows_of(result, false); break;
        case DBAL_KIND_VALUES: value = rows_of(result, true); break;
        case DBAL_KIND_COUNT: value = number_of(dbal_result_number(result)); break;
        case DBAL_KIND_AFFECTED:
            pair(list, "count", DBAL_NUL, number_of(dbal_result_number(result)));
            return one("$map", list);
        case DBAL_KIND_DONE:
            value = dbal_value_new();
            dbal_set_bool(value, NULL, true);
            break;
        case DBAL_KIND_BATCH:
            for (size_t each = 0; each < dbal_result_part_count(result); each++) {
                dbal_list_push(list, answer_of(dbal_result_part(result, each), ""));
            }
            return list;
        case DBAL_KIND_PAGE: {
            const char *next = dbal_result_next_cursor(result), *previous = dbal_result_prev_cursor(result);
            dbal_value *more = dbal_value_new();
            dbal_set_bool(more, NULL, dbal_result_has_more(result));
            pair(list, "data", DBAL_NUL, rows_of(result, false));
            pair(list, "total", DBAL_NUL, dbal_result_total(result) < 0 ? null() : number_of(dbal_result_total(result)));
            pair(list, "page", DBAL_NUL, number_of(dbal_result_page(result)));
            pair(list, "limit", DBAL_NUL, number_of(dbal_result_limit(result)));
            pair(list, "has_more", DBAL_NUL, more);
            pair(list, "next_cursor", DBAL_NUL, next ? text_of(next) : null());
            pair(list, "prev_cursor", DBAL_NUL, previous ? text_of(previous) : null());
            return one("$map", list);
        }
        default: value = null();
    }
    dbal_value_free(list);
    return value;
}

/* Opens what a line says; a token is for a daemon, which has its own schema. */
static dbal_status opened(const char *url, const char *token, const dbal_value *line, dbal_client **client, dbal_error **err) {
    dbal_value *options = dbal_value_new();
    if (token) {
        if (*token) dbal_set_text(options, "token", token);
    } else {
        dbal_set_value(options, "schema", dbal_value_get(line, "schema"));
        dbal_set_value(options, "rules", dbal_value_get(line, "rules"));
    }
    dbal_set_int(options, "timeout", 20000);
    dbal_status status = dbal_open_with(url, options, client, err);
    dbal_value_free(options);
    return status;
}

/* Whoever a line asks on behalf of; to be closed when it is not the client itself. */
static dbal_status bound(const dbal_value *line, dbal_client **client, dbal_error **err) {
    const dbal_value *caller = dbal_value_get(line, "caller");
    *client = stack[0];
    if (dbal_value_type(caller) == DBAL_TYPE_NULL) return DBAL_OK;
    dbal_value *principal = given(caller);
    dbal_status status;
    if (remote == NULL) {
        status = dbal_as_principal(stack[0], principal, client, err);
    } else {
        /* To a daemon, whoever asks is who a token says; the tests' daemon believes those that spell a caller. */
        const dbal_value *role = dbal_value_get(principal, "user/role");
        if (dbal_value_get(principal, "roles") == NULL && role != NULL) dbal_set_value(principal, "roles/+", role);
        size_t length = 0;
        const char *text = dbal_value_count(principal) ? dbal_value_to_json(principal, &length) : "";
        char *token = (char *)malloc(2 * length + 1);
        token[0] = 0;
        for (size_t each = 0; each < length; each++) sprintf(token + 2 * each, "%02x", (unsigned char)text[each]);
        status = opened(remote, token, NULL, client, err);
        free(token);
    }
    dbal_value_free(principal);
    return status;
}

static void obey(const dbal_value *line) {
    const char *what = dbal_value_text(dbal_value_get(line, "do"), NULL);
    dbal_value *value = NULL;
    dbal_error *err = NULL;
    if (!strcmp(what, "open")) {
        const char *url = dbal_value_text(dbal_value_get(line, "url"), NULL);
        free(remote);
        remote = strncmp(url, "ws:", 3) ? NULL : strdup(url);
        if (opened(url, remote ? "trusted" : NULL, line, &stack[0], &err) == DBAL_OK) depth = 0;
    } else if (!strcmp(what, "close")) {
        while (depth >= 0) dbal_close(stack[depth--]);
    } else if (!strcmp(what, "begin")) {
        dbal_client *outer = stack[depth];
        if (depth > 0 || bound(line, &outer, &err) == DBAL_OK) {
            if (dbal_begin(outer, &stack[depth + 1], &err) == DBAL_OK) depth++;
            if (outer != stack[0] && depth <= 1) dbal_close(outer);
        }
    } else if (!strcmp(what, "end")) {
        dbal_client *tx = stack[depth--];
        dbal_value_bool(dbal_value_get(line, "commit")) ? dbal_commit(tx, &err) : dbal_rollback(tx, &err);
        dbal_close(tx);
    } else {
        const char *operation = dbal_value_text(dbal_value_get(line, "operation"), NULL);
        int64_t at = dbal_value_int(dbal_value_get(line, "depth"));
        dbal_client *client = stack[at];
        dbal_result *result = NULL;
        if (at > 0 || bound(line, &client, &err) == DBAL_OK) {
            dbal_value *args = given(dbal_value_get(line, "args"));
            if (dbal_run(client, operation, dbal_value_text(dbal_value_get(line, "entity"), NULL), args, &result, &err) == DBAL_OK) {
                value = answer_of(result, operation);
                err = broken;
                broken = NULL;
            }
            dbal_value_free(args);
            dbal_result_free(result);
            if (at == 0 && client != stack[0]) dbal_close(client);
        }
    }
    if (err) {
        answer_error(err);
    } else {
        value = one("value", value ? value : null());
        printf("%s\n", dbal_value_to_json(value, NULL));
    }
    dbal_value_free(value);
    fflush(stdout);
}

int main(void) {
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, stdin)) > 0) {
        dbal_value *read = NULL;
        for (char *nul = line; (nul = strstr(nul, "\\u0000")) != NULL;) memcpy(nul, "\\ue000", 6);
        if (dbal_value_of_json(line, (size_t)length, &read, NULL) != DBAL_OK) return 1;
        obey(read);
        dbal_value_free(read);
    }
    free(line);
    free(remote);
    return 0;
}
