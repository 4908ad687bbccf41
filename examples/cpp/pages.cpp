// A small program in C++: a transaction, a list, a stream, related rows, and asking on somebody's behalf.

#include <iostream>
#include <string>

#include <dbal.hpp>

int main(int count, char **words) {
    if (count < 2) {
        std::cerr << "usage: " << words[0] << " SCHEMA [URL]\n";
        return 2;
    }
    try {
        const dbal::client db(count > 2 ? words[2] : "sqlite::memory:", words[1]);
        db.migrate();

        // All or nothing, and again when another transaction got there first.
        const std::string ada = db.transaction([](const dbal::client &tx) {
            const std::string id = tx["User"].create(dbal::map{{"username", "ada"}, {"email", "ada@example.org"}, {"level", 2}})->get<std::string>("id");
            for (int level = 1; level <= 3; ++level) {
                const std::string page = tx["PageView"]
                                             .create(dbal::map{{"slug", "page-" + std::to_string(level)}, {"title", "A page"},
                                                               {"level", level}, {"layout", dbal::map{{"kind", "grid"}}}})
                                             ->get<std::string>("id");
                tx["ComponentHierarchy"].create(dbal::map{{"page_id", page}, {"component_type", "hero"}});
            }
            return id;
        });

        dbal::result pages = db["PageView"].list(
            dbal::query().where("level/$lte", 2).where("layout.kind", "grid").sort("slug", "desc").include("components").limit(10));
        std::cout << *pages.total() << " pages up to level 2:";
        for (dbal::row page : pages) {
            std::cout << ' ' << page.text("slug") << " (" << page.get<int>("level") << ")";
            for (dbal::row component : page.rows("components")) {
                std::cout << " with a " << component.text("component_type");
            }
        }
        std::cout << '\n';

        int seen = 0;
        for (dbal::row page : db["PageView"].stream()) {
            seen += page.get<std::optional<std::string>>("description") ? 0 : 1;
        }
        std::cout << seen << " pages without a description\n";

        const dbal::client as_ada = db.as_principal(dbal::map{{"user", dbal::map{{"id", ada}, {"role", "user"}}}});
        try {
            as_ada["PageView"].create(dbal::map{{"slug", "mine"}, {"title", "Mine"}, {"level", 1}, {"layout", dbal::map{}}});
            std::cerr << "ada should have been refused\n";
            return 1;
        } catch (const dbal::error &refused) {
            std::cout << "as ada: " << refused.code() << ": " << refused.what() << '\n';
        }
        return 0;
    } catch (const dbal::error &error) {
        std::cerr << error.code() << ": " << error.what() << '\n';
        return 1;
    }
}
