/* What the tests are written with: the first thing that is not as it should be ends the program. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbal.h"

#define CHECK(holds)                                                              \
    do {                                                                          \
        if (!(holds)) {                                                           \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #holds);   \
            exit(1);                                                              \
        }                                                                         \
    } while (0)

/* A call that has to work. */
#define OK(call)                                                                                           \
    do {                                                                                                   \
        dbal_error *err = NULL;                                                                            \
        dbal_status got = (call);                                                                          \
        if (got != DBAL_OK) {                                                                              \
            fprintf(stderr, "%s:%d: %s: %d %s\n", __FILE__, __LINE__, #call, (int)got,                     \
                    dbal_error_message(err));                                                              \
            exit(1);                                                                                       \
        }                                                                                                  \
        CHECK(err == NULL);                                                                                \
    } while (0)

/* A call that has to be refused with a status, in words that hold a part. */
#define REFUSED(call, status, part)                                                                        \
    do {                                                                                                   \
        dbal_error *err = NULL;                                                                            \
        dbal_status got = (call);                                                                          \
        if (got != (status) || err == NULL || strstr(dbal_error_message(err), (part)) == NULL) {           \
            fprintf(stderr, "%s:%d: %s: status %d, \"%s\" instead of %d, \"%s\"\n", __FILE__, __LINE__,    \
                    #call, (int)got, dbal_error_message(err), (int)(status), (part));                      \
            exit(1);                                                                                       \
        }                                                                                                  \
        CHECK(dbal_error_status(err) == got);                                                              \
        dbal_error_free(err);                                                                              \
    } while (0)

#define SAME(text, wanted) CHECK((text) != NULL && strcmp((text), (wanted)) == 0)

#endif
