// The end of `cargo xtask demo`: the same file, from C++. Every outcome is checked; the first wrong one ends it.

#include <cstdlib>
#include <iostream>
#include <string>

#include <dbal.hpp>

static int number;

static void step(const std::string &what) { std::cout << '\n' << number++ << ". " << what << '\n'; }

static void expect(bool holds, const std::string &what) {
    if (!holds) {
        std::cerr << "step " << number - 1 << " went wrong: " << what << '\n';
        std::exit(1);
    }
}

int main(int count, char **words) {
    if (count != 4) {
        std::cerr << "usage: " << words[0] << " FILE SCHEMA FIRST\n";
        return 2;
    }
    number = std::atoi(words[3]);
    const dbal::client db("sqlite:" + std::string(words[1]), words[2]);

    step("From C++, on the same file: the page that C made, and the others with their components.");
    std::size_t pages = 0, components = 0;
    bool made_by_c = false;
    for (dbal::row page : db["PageView"].list(dbal::query().sort("slug").include("components"))) {
        std::cout << "     " << page.text("slug") << ":";
        for (dbal::row component : page.rows("components")) {
            std::cout << ' ' << component.text("component_type");
            ++components;
        }
        std::cout << '\n';
        ++pages;
        made_by_c |= page.text("title") == "Made by C";
    }
    expect(pages == 4 && components == 3 && made_by_c, "the seed's three pages and C's, with three components");

    step("A function is a transaction; what it throws undoes it.");
    try {
        db.transaction([](const dbal::client &tx) {
            tx["User"].create(dbal::map{{"username", "fay"}, {"email", "fay@example.org"}});
            tx["User"].create(dbal::map{{"username", "bob"}, {"email", "other@example.org"}});
        });
        expect(false, "it should have been refused");
    } catch (const dbal::error &error) {
        std::cout << "   > db.transaction: create fay, then a second bob\n     " << error.code() << ": " << error.what() << '\n';
        expect(error.reason() == "unique", "a conflict on a unique key");
    }
    expect(db["User"].count() == 4, "there should be as many users as before");

    step("Rows are read while they are taken, and hold what their types say.");
    int levels = 0;
    for (dbal::row user : db["User"].stream()) {
        levels += user.get<int>("level");
        expect(user.get<dbal::instant>("created_at") < std::chrono::system_clock::now(), "made before now");
    }
    std::cout << "   > for (dbal::row user : db[\"User\"].stream()) levels += user.get<int>(\"level\")\n     " << levels << '\n';
    expect(levels > 4, "levels of four users");
    std::cout << "\nsteps: " << number - 1 << '\n';
}
