// The same library on the servers that `cargo xtask servers` starts, through C++ and C.

#include <cstdlib>
#include <iostream>
#include <string>

#include <unistd.h>

#include "check.h"
#include "dbal.hpp"

static const char *SCHEMA =
    "entity: Crate\n"
    "fields:\n"
    "  id: { type: uuid, primary: true, generated: true }\n"
    "  name: { type: string, required: true, unique: true }\n"
    "  price: { type: decimal, precision: 10, scale: 2 }\n"
    "  count: { type: bigint, default: 0 }\n"
    "  at: { type: datetime }\n"
    "  day: { type: date }\n"
    "  raw: { type: bytes }\n"
    "  doc: { type: json }\n"
    "owner: name\n"
    "acl: { read: { self: true } }\n";

static void answers(const std::string &url) {
    const dbal::client db(url, dbal::map{{"schema", dbal::map{{"text", SCHEMA}}}, {"timeout", 20000}});
    db.migrate();
    db.reset(true);
    const dbal::entity crates = db["Crate"];
    const dbal::instant moment(std::chrono::milliseconds(1709208000789));
    crates.create(dbal::map{{"name", "\xc3\xa9\xe2\x98\x83"}, {"price", "12.5"}, {"count", std::int64_t{1} << 62}, {"at", moment},
                            {"day", dbal::date{19782}}, {"raw", dbal::bytes{0, 255}}, {"doc", dbal::list{1, 2.5, nullptr, "x"}}});
    dbal::result row = crates.read(dbal::map{{"name", "\xc3\xa9\xe2\x98\x83"}});
    CHECK(row->text("price") == "12.50" && row->get<std::int64_t>("count") == std::int64_t{1} << 62);
    CHECK(row->get<dbal::instant>("at") == moment && row->get<dbal::date>("day") == dbal::date{19782});
    CHECK(row->get<dbal::bytes>("raw") == (dbal::bytes{0, 255}) && row->document("doc").to_json() == "[1,2.5,null,\"x\"]");
    CHECK(row->text("id").size() == 36);
    try {
        db.transaction([](const dbal::client &tx) {
            tx["Crate"].create(dbal::map{{"name", "other"}});
            tx["Crate"].create(dbal::map{{"name", "\xc3\xa9\xe2\x98\x83"}});
        });
        CHECK(!"it should have been refused");
    } catch (const dbal::error &error) {
        CHECK(error.reason() == "unique");
    }
    db.transaction([](const dbal::client &tx) {
        dbal::list rows;
        for (int number = 0; number < 300; ++number) {
            rows.push(dbal::map{{"name", "n" + std::to_string(number)}});
        }
        tx["Crate"].create_many(rows);
    });
    std::size_t seen = 0;
    for (dbal::row crate : crates.stream(dbal::query().sort("name"))) {
        seen += crate.text("name").empty() ? 0 : 1;
    }
    CHECK(seen == 301);
    CHECK(crates.aggregate(dbal::query().set("sum", dbal::list{"count"}))->get<std::int64_t>("sum.count") == std::int64_t{1} << 62);
    const dbal::client bound = db.as_principal(dbal::map{{"user", dbal::map{{"id", "n7"}, {"role", "user"}}}});
    dbal::result own = bound["Crate"].find_many();
    CHECK(own.size() == 1 && own.next() && own->text("name") == "n7");

    dbal_value *args = dbal_value_new();
    dbal_statement *statement = NULL;
    dbal_set_param(args, "filter/name", 0);
    OK(dbal_prepare(db.get(), "first", "Crate", args, &statement, &err));
    for (int number = 0; number < 20; ++number) {
        dbal_bind_text(statement, 0, ("n" + std::to_string(number)).c_str(), DBAL_NUL);
        OK(dbal_statement_run(statement, &err));
        CHECK(dbal_result_int(dbal_statement_result(statement), 3) == 0);
    }
    dbal_statement_free(statement);
    dbal_value_free(args);
    db.reset(true);
}

int main() {
    if (const char *url = std::getenv("DBAL_TEST_POSTGRES_URL")) {
        const std::string server(url);
        answers(server + (server.find('?') == std::string::npos ? "?" : "&") + "pool_size=4");
        std::cout << "test servers.cpp on PostgreSQL ... ok\n";
    }
    if (const char *url = std::getenv("DBAL_TEST_MONGODB_URL")) {
        // A database of its own.
        std::string server(url), options;
        if (const std::size_t mark = server.find('?'); mark != std::string::npos) {
            options = server.substr(mark);
            server.resize(mark);
        }
        const std::size_t slash = server.find('/', server.find("//") + 2);
        answers(server.substr(0, slash) + "/cpp_" + std::to_string(getpid()) + options);
        std::cout << "test servers.cpp on MongoDB ... ok\n";
    }
}
