// What dbal.hpp adds to dbal.h: owners, types, exceptions, loops. Run under valgrind as well.

#include <iostream>
#include <stdexcept>
#include <thread>

#include "check.h"
#include "dbal.hpp"

static const char *SCHEMA =
    "entity: Author\n"
    "fields:\n"
    "  id: { type: uuid, primary: true, generated: true }\n"
    "  name: { type: string, required: true, unique: true, max_length: 40 }\n"
    "  age: { type: integer }\n"
    "  born: { type: date }\n"
    "  seen: { type: datetime }\n"
    "  photo: { type: bytes }\n"
    "  likes: { type: json }\n"
    "owner: name\n"
    "acl: { read: { self: true } }\n"
    "---\n"
    "entity: Book\n"
    "fields:\n"
    "  id: { type: integer, primary: true }\n"
    "  author_id: { type: uuid, foreign_key: { entity: Author } }\n";

template <class Work> static dbal::error refused(Work &&work) {
    try {
        work();
    } catch (const dbal::error &error) {
        return error;
    }
    CHECK(!"it should have been refused");
    std::abort();
}

int main() {
    const dbal::client db("sqlite::memory:", dbal::map{{"schema", dbal::map{{"text", SCHEMA}}}});
    CHECK(!db.migrate().empty() && db.migrate().empty());
    const dbal::entity authors = db["Author"];

    // Values in and out.
    const dbal::instant moment(std::chrono::milliseconds(1709208000789));
    dbal::map given{{"name", "ada"}, {"age", 36}, {"born", dbal::date{-50000}}, {"seen", moment},
                    {"photo", dbal::bytes{0, 255, 0}}, {"likes", dbal::list{"tea", 1, nullptr, true, dbal::map{{"a/b", 2.5}}}}};
    dbal::result made = authors.create(given);
    const std::string id = made->get<std::string>("id");
    CHECK(made->get<int>("age") == 36 && made->get<std::int64_t>("age") == 36 && made->get<double>("age") == 36.0);
    CHECK(made->get<dbal::date>("born") == dbal::date{-50000} && made->get<dbal::instant>("seen") == moment);
    CHECK(made->get<dbal::bytes>("photo") == (dbal::bytes{0, 255, 0}));
    CHECK(made->document("likes").to_json() == "[\"tea\",1,null,true,{\"a/b\":2.5}]");
    CHECK(made->get<std::optional<int>>("age") == 36);
    const dbal::row bob = authors.create(dbal::map{{"name", std::string_view("bobby", 3)}, {"age", std::optional<int>()}}).current();
    (void)bob;
    dbal::result read = authors.read(dbal::map{{"name", "bob"}});
    CHECK(!read->get<std::optional<int>>("age") && !read->get<std::optional<dbal::bytes>>("photo") && read->is_null(2));
    CHECK(refused([&] { read->get<int>("age"); }).status() == DBAL_MISUSE);
    CHECK(refused([&] { read->get<int>("name"); }).status() == DBAL_MISUSE);
    CHECK(refused([&] { read->get<std::int8_t>("nobody"); }).status() == DBAL_MISUSE);
    CHECK(refused([&] { authors.update(id, dbal::map{{"age", 300}})->get<std::int8_t>("age"); }).status() == DBAL_MISUSE);

    // Errors carry everything.
    const dbal::error bad = refused([&] { authors.create(dbal::map{{"nam", 1}, {"age", "x"}}); });
    CHECK(bad.status() == DBAL_VALIDATION_ERROR && bad.code() == "VALIDATION_ERROR" && bad.fields().size() == 3);
    CHECK(bad.operation() == "create" && bad.entity() == "Author" && !bad.reason() && !bad.outcome() && !bad.retryable());
    CHECK(refused([&] { authors.create(dbal::map{{"name", "ada"}}); }).reason() == "unique");
    CHECK(refused([&] { dbal::client("sqlite::memory:", "no/such/folder"); }).status() == DBAL_VALIDATION_ERROR);
    CHECK(refused([&] { dbal::value::json("{"); }).status() == DBAL_VALIDATION_ERROR);

    // Rows: loops, first, streams, callbacks, pages, related ones.
    dbal::list rows;
    for (int number = 0; number < 30; ++number) {
        rows.push(dbal::map{{"id", number}, {"author_id", id}});
    }
    CHECK(db["Book"].create_many(rows).size() == 30);
    int sum = 0;
    for (dbal::row book : db["Book"].find_many(dbal::query().where("id/$lt", 10).sort("id", "desc").select({"id"}))) {
        CHECK(book.size() == 1 && book.has("id") && !book.has("author_id"));
        sum += book.get<int>(std::size_t{0});
    }
    CHECK(sum == 45);
    for (dbal::row book : db["Book"].stream()) {
        sum += book.get<int>("id");
    }
    CHECK(sum == 45 + 435);
    int calls = 0;
    db["Book"].each({}, [&](dbal::row) { return ++calls < 7; });
    CHECK(calls == 7);
    db["Book"].each({}, [&](dbal::row book) { calls += book.get<int>("id"); });
    CHECK(calls == 7 + 435);
    try {
        db["Book"].each({}, [&](dbal::row) { throw std::out_of_range("enough"); });
        CHECK(!"thrown");
    } catch (const std::out_of_range &) {
    }
    CHECK(!db["Book"].first(dbal::query().where("id", 99)));
    CHECK(db["Book"].count(dbal::query().filter(dbal::map{{"id", dbal::map{{"$in", dbal::list{1, 2, 99}}}}})) == 2);
    dbal::result page = db["Book"].list(dbal::query().limit(4).after("").include("author"));
    CHECK(page.total() == 30 && page.size() == 4 && page.has_more() && page.next_cursor() && !page.prev_cursor());
    CHECK(page.next() && page->rows("author")->text("name") == "ada");
    CHECK(db["Book"].list(dbal::query().after(*page.next_cursor()).total(false)).total() == std::nullopt);
    CHECK(db["Book"].aggregate(dbal::query().set("sum", dbal::list{"id"}))->get<int>("sum.id") == 435);
    CHECK(db["Book"].distinct("author_id").size() == 1);
    CHECK(db["Book"].update_many(dbal::query().where("id/$gte", 28), dbal::map{{"author_id", nullptr}}) == 2);
    CHECK(db["Book"].delete_many(dbal::query().where("author_id", nullptr)) == 2);
    db["Book"].remove(0);
    CHECK(db["Book"].upsert(0, dbal::map{}, dbal::map{})->get<int>("id") == 0);

    // Prepared.
    dbal::statement up_to = db["Book"].prepare("find_many", dbal::query().param("filter/id/$lt", 0).param("filter/author_id", 1));
    for (int most = 1; most < 5; ++most) {
        CHECK(up_to.bind(0, most).bind(1, id).run().size() == static_cast<std::size_t>(most - 1));
    }
    CHECK(refused([&] { up_to.bind(0, nullptr).run(); }).status() == DBAL_VALIDATION_ERROR);

    // Transactions: what a function gives, what it throws, and ones in the hand.
    CHECK(db.transaction([&](const dbal::client &tx) { return tx["Book"].count(); }) == 28);
    try {
        db.transaction([&](const dbal::client &tx) {
            tx["Book"].delete_many(dbal::query().set("all", true));
            tx.transaction([](const dbal::client &) { throw std::runtime_error("no"); });
        });
        CHECK(!"thrown");
    } catch (const std::runtime_error &error) {
        SAME(error.what(), "no");
    }
    CHECK(refused([&] { db.transaction([&](const dbal::client &tx) { tx["Author"].create(dbal::map{}); }); }).status() == DBAL_VALIDATION_ERROR);
    {
        const dbal::client tx = db.begin();
        tx["Book"].delete_many(dbal::query().set("all", true));
    }
    CHECK(db["Book"].count() == 28);
    {
        const dbal::client tx = db.begin();
        tx["Book"].remove(1);
        tx.commit();
    }
    CHECK(db["Book"].count() == 27);
    dbal::batch batch;
    batch.add("create", "Author", dbal::map{{"data", dbal::map{{"name", "eve"}}}});
    batch.add("create", "Book", dbal::map{{"data", dbal::map{{"id", 100}, {"author_id", dbal::map{{"$ref", "0.id"}}}}}});
    dbal::result both = db.batch(batch.entries());
    CHECK(both.parts() == 2 && both.part(1)->get<int>("id") == 100);

    // Others who ask, and time.
    const dbal::client as_ada = db.as_principal(dbal::map{{"user", dbal::map{{"id", "ada"}, {"role", "user"}}}});
    CHECK(as_ada["Author"].count() == 1);
    CHECK(as_ada.newest()["Author"].count() == 1);
    CHECK(refused([&] { as_ada["Author"].create(dbal::map{{"name", "x"}}); }).status() == DBAL_FORBIDDEN);
    CHECK(refused([&] { db.with_timeout(std::chrono::milliseconds(0))["Book"].count(); }).outcome() == "not_applied");
    const dbal::cancel cancel;
    const dbal::client patient = db.with_cancel(cancel);
    std::thread([&] { cancel.now(); }).join();
    CHECK(refused([&] { patient["Book"].count(); }).status() == DBAL_TIMEOUT);
    CHECK(db.capability("transactions") == 2 && db.sweep() == 0);
    CHECK(db.explain("count", "Author").to_json().find("SELECT") != std::string::npos);
    CHECK(db.describe().to_json().find("\"Author\"") != std::string::npos);
    CHECK(refused([&] { db.reset(false); }).status() == DBAL_VALIDATION_ERROR);
    db.reset(true);
    CHECK(db["Author"].count() == 0);
    std::cout << "test suite.cpp ... ok\n";
}
