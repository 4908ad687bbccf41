/* What `dbal generate c` writes of api/schema, in use. */

#include "check.h"
#include "entities.h"

int main(int count, char **words) {
    dbal_client *db = NULL;
    dbal_result *result = NULL;
    dbal_value *args = dbal_value_new();
    CHECK(count == 2);
    OK(dbal_open("sqlite::memory:", words[1], &db, &err));
    OK(dbal_migrate(db, NULL, &err));
    user_data ada = {0};
    ada.username = "ada";
    ada.email = "ada@example.org";
    ada.role = USER_ROLE_ADMIN;
    ada.level.given = true;
    ada.level.value = 4;
    user_set(args, "data", &ada);
    OK(dbal_run(db, "create", "User", args, &result, &err));
    user_columns at = user_find(result);
    user_row row = user_read(result, &at);
    SAME(row.username, "ada");
    SAME(row.role, "admin");
    CHECK(row.level == 4 && row.created_at > INT64_C(1700000000000) && strlen(row.id) == 36);
    dbal_result_free(result);
    dbal_value_free(args);
    OK(dbal_run_json(db, "find_many", "User", "{\"select\": [\"level\"]}", &result, &err));
    at = user_find(result);
    CHECK(dbal_result_next(result, NULL) == DBAL_ROW);
    row = user_read(result, &at);
    CHECK(row.level == 4 && row.username == NULL && row.created_at == 0);
    OK(dbal_result_check(result, &err));
    dbal_result_free(result);
    page_view_data page = {0};
    page.slug = "home";
    page.title = "Home";
    page.level.given = true;
    page.level.value = 1;
    page.layout = "{\"kind\": \"grid\"}";
    args = dbal_value_new();
    page_view_set(args, "data", &page);
    OK(dbal_run(db, "create", "PageView", args, &result, &err));
    page_view_columns where = page_view_find(result);
    SAME(page_view_read(result, &where).layout, "{\"kind\":\"grid\"}");
    CHECK(page_view_read(result, &where).description == NULL && page_view_read(result, &where).is_active);
    dbal_result_free(result);
    dbal_value_free(args);
    dbal_close(db);
    return 0;
}
