// What `dbal generate cpp` writes of api/schema, in use.

#include "check.h"
#include "entities.hpp"

int main(int count, char **words) {
    CHECK(count == 2);
    const dbal::client db("sqlite::memory:", words[1]);
    db.migrate();
    entities::UserData ada;
    ada.username = "ada";
    ada.email = "ada@example.org";
    ada.role = entities::user_role::admin;
    ada.level = 4;
    const entities::User made = entities::User::from(db["User"].create(ada.data()).current());
    CHECK(made.username == "ada" && made.role == "admin" && made.level == 4 && made.id.size() == 36);
    for (dbal::row row : db["User"].find_many(dbal::query().select({"level"}))) {
        const entities::User user = entities::User::from(row);
        CHECK(user.level == 4 && user.username.empty());
    }
    entities::PageViewData page;
    page.slug = "home";
    page.title = "Home";
    page.level = 1;
    page.layout = dbal::map{{"kind", "grid"}};
    page.description = std::optional<std::string>();
    const entities::PageView home = entities::PageView::from(db["PageView"].create(page.data()).current());
    CHECK(home.is_active && !home.description && home.layout.to_json() == "{\"kind\":\"grid\"}");
}
