// Speaks the lines of dbal_conformance::process through dbal.hpp. Trees are read and built as in runner.c, whose functions
// stand for what has no shape of its own in C++; requests, callers, transactions, rows and errors go through the wrapper.

#define main runner_of_c
extern "C" {
#include "runner.c"
}
#undef main

#include <iostream>
#include <string>
#include <vector>

#include "dbal.hpp"

namespace {

/** Ends a transaction that is to be rolled back. */
struct undo : std::exception {};

dbal::value told(const dbal::row &row);

// The rows of an answer, or the values of its one column.
dbal::value told(dbal::result rows, bool cells) {
    dbal::list list;
    for (dbal::row row : rows) {
        list.push(cells ? dbal::value(shown(row.document(std::size_t{0}).get())) : told(row));
    }
    return std::move(list);
}

dbal::value told(const dbal::row &row) {
    // Columns that are computed have their nested form from the C runner.
    for (std::size_t each = 0; each < row.size(); ++each) {
        if (row.name(each).find('.') != std::string_view::npos) {
            return dbal::value(row_of(row.get()));
        }
    }
    dbal::list pairs;
    for (std::size_t each = 0; each < row.size(); ++each) {
        const std::string name(row.name(each));
        dbal::list pair{name};
        switch (row.type(each)) {
            case DBAL_TYPE_ROW: pair.push(told(row.rows(name.c_str()).current())); break;
            case DBAL_TYPE_ROWS: pair.push(told(row.rows(name.c_str()), false)); break;
            case DBAL_TYPE_INT: pair.push(dbal::map{{"$bigint", std::to_string(row.get<std::int64_t>(each))}}); break;
            case DBAL_TYPE_BOOL: pair.push(row.get<bool>(each)); break;
            case DBAL_TYPE_DATETIME:
                pair.push(dbal::map{{"$datetime", row.get<dbal::instant>(each).time_since_epoch().count()}});
                break;
            case DBAL_TYPE_BYTES: pair.push(dbal::map{{"$bytes", row.get<dbal::bytes>(each)}}); break;
            case DBAL_TYPE_DATE: pair.push(row.get<dbal::date>(each)); break;
            case DBAL_TYPE_TEXT:
            case DBAL_TYPE_UUID:
            case DBAL_TYPE_DECIMAL: pair.push(row.text(each)); break;
            case DBAL_TYPE_NULL: pair.push(row.get<std::optional<std::string>>(each)); break;
            default: pair.push(dbal::value(shown(row.document(each).get())));
        }
        pairs.push(std::move(pair));
    }
    return dbal::map{{"$map", std::move(pairs)}};
}

dbal::value told(dbal::result result, const std::string &operation) {
    switch (result.kind()) {
        case DBAL_KIND_ROWS: return told(std::move(result), false);
        case DBAL_KIND_VALUES: return told(std::move(result), true);
        case DBAL_KIND_ROW: {
            const dbal::row row = result.current();
            if (operation == "call" && row.size() == 1 && row.name(0) == "value") {
                return dbal::value(shown(row.document(std::size_t{0}).get()));
            }
            return told(row);
        }
        default: return dbal::value(answer_of(result.get(), operation.c_str()));
    }
}

dbal::value told(const dbal::error &error) {
    dbal::list fields;
    for (const dbal::fault &fault : error.fields()) {
        dbal::map one{{"field", fault.field}, {"message", fault.message}};
        if (fault.row) {
            one.put("index", *fault.row);
        }
        fields.push(std::move(one));
    }
    dbal::map inner{{"code", error.code()}, {"message", std::string_view(error.what())}, {"fields", std::move(fields)}};
    if (error.reason()) {
        inner.put("reason", *error.reason());
    }
    return dbal::map{{"error", std::move(inner)}};
}

void say(const dbal::value &line) { std::cout << line.to_json() << std::endl; }

dbal::value at(const dbal::value &line, const char *place) {
    dbal::value copy;
    dbal_set_value(copy.get(), nullptr, dbal_value_get(line.get(), place));
    return copy;
}

std::string text(const dbal::value &line, const char *place) {
    const char *found = dbal_value_text(dbal_value_get(line.get(), place), nullptr);
    return found ? found : "";
}

/** Does what the lines say, until the transaction it stands in ends. */
void serve(std::vector<const dbal::client *> stack, std::optional<dbal::client> &opened) {
    for (std::string text_of_line; std::getline(std::cin, text_of_line);) {
        for (std::size_t nul; (nul = text_of_line.find("\\u0000")) != std::string::npos;) {
            text_of_line.replace(nul, 6, "\\ue000");
        }
        const dbal::value line = dbal::value::json(text_of_line);
        const std::string what = text(line, "do");
        try {
            std::optional<dbal::client> bound;
            const bool runs = what == "run";
            const std::size_t depth = runs ? static_cast<std::size_t>(dbal_value_int(dbal_value_get(line.get(), "depth"))) : stack.size() - 1;
            const dbal::client *client = stack.empty() ? nullptr : stack[depth];
            const dbal_value *caller = dbal_value_get(line.get(), "caller");
            if ((runs || what == "begin") && depth == 0 && dbal_value_type(caller) != DBAL_TYPE_NULL) {
                bound = opened->as_principal(dbal::value(given(caller)));
                client = &*bound;
            }
            if (what == "open") {
                opened.emplace(text(line, "url"), dbal::map{{"schema", at(line, "schema")}, {"rules", at(line, "rules")}, {"timeout", 20000}});
                stack = {&*opened};
            } else if (what == "close") {
                stack.clear();
                opened.reset();
            } else if (runs) {
                const dbal::value args(given(dbal_value_get(line.get(), "args")));
                const std::string operation = text(line, "operation");
                say(dbal::map{{"value", told(client->entity(text(line, "entity")).run(operation.c_str(), args), operation)}});
                continue;
            } else if (what == "begin") {
                try {
                    client->transaction([&](const dbal::client &tx) {
                        say(dbal::map{{"value", nullptr}});
                        std::vector<const dbal::client *> inside = stack;
                        inside.push_back(&tx);
                        serve(inside, opened);
                    }, 0);
                } catch (const undo &) {
                }
            } else if (dbal_value_bool(dbal_value_get(line.get(), "commit"))) {
                return;
            } else {
                throw undo();
            }
            say(dbal::map{{"value", nullptr}});
        } catch (const dbal::error &error) {
            say(told(error));
        }
    }
}

} // namespace

int main() {
    std::optional<dbal::client> opened;
    serve({}, opened);
}
