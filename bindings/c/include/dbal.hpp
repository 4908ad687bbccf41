/* dbal for C++17: what dbal.h has, owned, typed and thrown. Nothing of it has to be linked but libdbal. */

#ifndef DBAL_HPP
#define DBAL_HPP

#include <chrono>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "dbal.h"

namespace dbal {

/** Moments as fields of type datetime have them. */
using instant = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/** A calendar day: days since 1970-01-01. */
struct date {
    std::int32_t days = 0;
    friend bool operator==(date a, date b) noexcept { return a.days == b.days; }
    friend bool operator!=(date a, date b) noexcept { return a.days != b.days; }
};

/** Bytes of a field. */
using bytes = std::vector<std::uint8_t>;

/** One fault of one field. */
struct fault {
    std::string field;
    std::string message;
    /** In which row of an input of many. */
    std::optional<std::int64_t> row;
};

/** What went wrong. */
class error : public std::runtime_error {
public:
    /** Takes an error over. */
    static error taken(dbal_error *given) {
        std::unique_ptr<dbal_error, void (*)(dbal_error *)> held(given, dbal_error_free);
        return error(given);
    }

    error(dbal_status status, const std::string &message) : std::runtime_error(message), status_(status), code_("MISUSE") {}

    dbal_status status() const noexcept { return status_; }
    /** Such as "NOT_FOUND". */
    const std::string &code() const noexcept { return code_; }
    /** Of a conflict: unique, foreign_key, version, serialization, aborted; or overflow. */
    const std::optional<std::string> &reason() const noexcept { return reason_; }
    /** Of a write whose fate is known or not: not_applied or unknown. */
    const std::optional<std::string> &outcome() const noexcept { return outcome_; }
    const std::optional<std::string> &operation() const noexcept { return operation_; }
    const std::optional<std::string> &entity() const noexcept { return entity_; }
    /** Every fault of the input. */
    const std::vector<fault> &fields() const noexcept { return fields_; }
    bool retryable() const noexcept { return retryable_; }
    /** Which entry of a batch failed. */
    std::optional<std::int64_t> entry() const noexcept { return entry_; }

private:
    explicit error(const dbal_error *given)
        : std::runtime_error(dbal_error_message(given)), status_(dbal_error_status(given)), code_(dbal_error_code(given)),
          reason_(text(dbal_error_reason(given))), outcome_(text(dbal_error_outcome(given))),
          operation_(text(dbal_error_operation(given))), entity_(text(dbal_error_entity(given))),
          retryable_(dbal_error_retryable(given)), entry_(number(dbal_error_entry(given))) {
        for (std::size_t index = 0; index < dbal_error_field_count(given); ++index) {
            fields_.push_back({dbal_error_field(given, index), dbal_error_field_message(given, index),
                               number(dbal_error_field_row(given, index))});
        }
    }

    static std::optional<std::string> text(const char *text) {
        return text ? std::optional<std::string>(text) : std::nullopt;
    }
    static std::optional<std::int64_t> number(std::int64_t number) {
        return number < 0 ? std::nullopt : std::optional<std::int64_t>(number);
    }

    dbal_status status_;
    std::string code_;
    std::optional<std::string> reason_, outcome_, operation_, entity_;
    std::vector<fault> fields_;
    bool retryable_ = false;
    std::optional<std::int64_t> entry_;
};

namespace detail {

/** Runs a call that takes a place for its error as the last argument, and throws that. */
template <class Call> dbal_status checked(Call &&call) {
    dbal_error *err = nullptr;
    const dbal_status status = call(&err);
    if (err) {
        throw error::taken(err);
    }
    return status;
}

struct closer {
    void operator()(dbal_value *value) const noexcept { dbal_value_free(value); }
    void operator()(dbal_client *client) const noexcept { dbal_close(client); }
    void operator()(dbal_result *result) const noexcept { dbal_result_free(result); }
    void operator()(dbal_statement *statement) const noexcept { dbal_statement_free(statement); }
    void operator()(dbal_cancel *cancel) const noexcept { dbal_cancel_free(cancel); }
};

template <class T> using owned = std::unique_ptr<T, closer>;

template <class T> struct optional_of : std::false_type {};
template <class T> struct optional_of<std::optional<T>> : std::true_type {
    using inner = T;
};

} // namespace detail

class value;

/** A name with a value, in braces: {"level", 3}. */
struct member;

/** Data: a value, a list, or names with values: `dbal::map{{"role", "admin"}, {"level", dbal::map{{"$lte", 3}}}}`. */
class value {
public:
    /** Not given. */
    value() : held_(dbal_value_new()) {}
    value(std::nullptr_t) : value() { dbal_set_null(held_.get(), nullptr); }
    value(bool flag) : value() { dbal_set_bool(held_.get(), nullptr, flag); }
    template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
    value(T number) : value() {
        static_assert(sizeof(T) < 8 || std::is_signed_v<T>, "numbers have 64 bits and a sign");
        dbal_set_int(held_.get(), nullptr, static_cast<std::int64_t>(number));
    }
    value(double number) : value() { dbal_set_float(held_.get(), nullptr, number); }
    value(std::string_view text) : value() { dbal_set_text_n(held_.get(), nullptr, text.data(), text.size()); }
    value(const std::string &text) : value(std::string_view(text)) {}
    value(const char *text) : value(std::string_view(text)) {}
    value(const bytes &given) : value() { dbal_set_bytes(held_.get(), nullptr, given.data(), given.size()); }
    value(instant moment) : value() { dbal_set_datetime(held_.get(), nullptr, moment.time_since_epoch().count()); }
    value(date day) : value() { dbal_set_date(held_.get(), nullptr, day.days); }
    template <class T> value(const std::optional<T> &given) : value() {
        if (given) {
            *this = value(*given);
        } else {
            dbal_set_null(held_.get(), nullptr);
        }
    }

    value(const value &other) : value() { dbal_set_value(held_.get(), nullptr, other.get()); }
    value(value &&) noexcept = default;
    value &operator=(value other) noexcept {
        held_ = std::move(other.held_);
        return *this;
    }
    ~value() = default;

    /** What a JSON text says. */
    static value json(std::string_view text) {
        dbal_value *parsed = nullptr;
        detail::checked([&](dbal_error **err) { return dbal_value_of_json(text.data(), text.size(), &parsed, err); });
        return value(parsed);
    }

    /** Takes a value of the C interface over. */
    explicit value(dbal_value *taken) : held_(taken) {}

    /** Puts a value at a place, such as "filter/level/$lte" or "select/+". */
    value &set(const std::string &path, const value &given) & {
        dbal_set_value(held_.get(), path.c_str(), given.get());
        return *this;
    }
    value &&set(const std::string &path, const value &given) && { return std::move(set(path, given)); }

    /** Puts a value under a name, whatever that is made of. */
    value &put(std::string_view name, value given) {
        dbal_map_put(held_.get(), name.data(), name.size(), given.held_.release());
        return *this;
    }

    /** Adds a value to the end of a list. */
    value &push(value given) {
        dbal_list_push(held_.get(), given.held_.release());
        return *this;
    }

    std::string to_json() const {
        std::size_t length = 0;
        const char *text = dbal_value_to_json(held_.get(), &length);
        return text ? std::string(text, length) : std::string();
    }

    dbal_value *get() const noexcept { return held_.get(); }

private:
    detail::owned<dbal_value> held_;
};

struct member {
    std::string_view name;
    dbal::value value;
};

/** Names with values. */
class map : public value {
public:
    map(std::initializer_list<member> members = {}) {
        dbal_set_map(get(), nullptr);
        for (const member &one : members) {
            put(one.name, one.value);
        }
    }
};

/** A list. */
class list : public value {
public:
    list(std::initializer_list<value> items = {}) {
        dbal_set_list(get(), nullptr);
        for (const value &item : items) {
            push(item);
        }
    }
    template <class Items, std::enable_if_t<!std::is_convertible_v<Items, value>, int> = 0> explicit list(const Items &items) {
        dbal_set_list(get(), nullptr);
        for (const auto &item : items) {
            push(value(item));
        }
    }
};

/** What a request asks for: `dbal::query().where("level/$lte", 3).sort("created_at", "desc").limit(10)`. */
class query {
public:
    /** A condition on a place of the filter: a field, or a field and an operator. All of them have to hold. */
    query &where(const std::string &place, const value &given) { return set("filter/" + place, given); }
    /** The whole filter. */
    query &filter(const value &given) { return set("filter", given); }
    /** One more sort key. */
    query &sort(const std::string &field, std::string_view order = "asc") {
        return set("sort/+", map{{field, order}});
    }
    query &select(std::initializer_list<std::string_view> fields) {
        for (std::string_view field : fields) {
            set("select/+", field);
        }
        return *this;
    }
    query &include(const std::string &relation, const value &how = true) { return set("include/" + relation, how); }
    query &limit(std::int64_t rows) { return set("limit", rows); }
    query &page(std::int64_t number) { return set("page", number); }
    query &offset(std::int64_t rows) { return set("offset", rows); }
    query &total(bool wanted) { return set("total", wanted); }
    /** A page by cursor: the first one with an empty text. */
    query &after(std::string_view cursor) { return set("after", cursor.empty() ? value(nullptr) : value(cursor)); }
    query &before(std::string_view cursor) { return set("before", cursor); }
    /** Any argument, such as "all" or "sum". */
    query &set(const std::string &place, const value &given) {
        args_.set(place, given);
        return *this;
    }
    /** A place that a prepared request leaves open. */
    query &param(const std::string &place, std::size_t position) {
        dbal_set_param(args_.get(), place.c_str(), position);
        return *this;
    }
    const value &args() const noexcept { return args_; }

private:
    value args_;
};

class result;

/** The row under a cursor. Views into it last until the next step. */
class row {
public:
    explicit row(dbal_result *at) noexcept : at_(at) {}

    std::size_t size() const noexcept { return dbal_result_column_count(at_); }
    std::string_view name(std::size_t column) const { return view(dbal_result_name(at_, column)); }
    dbal_type type(std::size_t column) const noexcept { return dbal_result_type(at_, column); }
    bool is_null(std::size_t column) const noexcept { return dbal_result_is_null(at_, column); }
    bool has(const char *column) const noexcept { return dbal_result_column(at_, column) >= 0; }

    /** The number of a column; throws where there is none of this name. */
    std::size_t column(const char *name) const {
        const std::int64_t found = dbal_result_column(at_, name);
        if (found < 0) {
            throw error(DBAL_MISUSE, std::string("there is no column ") + name);
        }
        return static_cast<std::size_t>(found);
    }

    /** A cell: bool, numbers, std::string, std::string_view, bytes, instant, date, or an optional of one where it may be
        null. Throws where the cell is something else. */
    template <class T> T get(std::size_t column) const {
        if constexpr (detail::optional_of<T>::value) {
            return is_null(column) ? T() : T(get<typename detail::optional_of<T>::inner>(column));
        } else {
            if (is_null(column)) {
                check();
                throw error(DBAL_MISUSE, "column " + std::string(name(column)) + " is null; read it as std::optional");
            }
            T read = cell<T>(column);
            if (read == T()) {
                check();
            }
            return read;
        }
    }
    template <class T> T get(const char *name) const { return get<T>(column(name)); }
    template <class T> T get(const std::string &name) const { return get<T>(column(name.c_str())); }

    /** Text of any cell. */
    std::string_view text(const char *name) const { return get<std::string_view>(name); }
    std::string_view text(std::size_t column) const { return get<std::string_view>(column); }

    /** Related rows of an include. */
    result rows(const char *relation) const;

    /** A copy of a document. */
    value document(std::size_t column) const {
        value copy;
        dbal_set_value(copy.get(), nullptr, dbal_result_value(at_, column));
        return copy;
    }
    value document(const char *name) const { return document(column(name)); }

    dbal_result *get() const noexcept { return at_; }

private:
    static std::string_view view(const char *text) { return text ? std::string_view(text) : std::string_view(); }
    void check() const {
        detail::checked([&](dbal_error **err) { return dbal_result_check(at_, err); });
    }

    template <class T> T cell(std::size_t column) const {
        if constexpr (std::is_same_v<T, bool>) {
            return dbal_result_bool(at_, column);
        } else if constexpr (std::is_integral_v<T>) {
            const std::int64_t number = dbal_result_int(at_, column);
            const T narrow = static_cast<T>(number);
            if (static_cast<std::int64_t>(narrow) != number) {
                throw error(DBAL_MISUSE, "column " + std::string(name(column)) + " does not fit the type that was asked for");
            }
            return narrow;
        } else if constexpr (std::is_floating_point_v<T>) {
            return static_cast<T>(dbal_result_float(at_, column));
        } else if constexpr (std::is_same_v<T, instant>) {
            return instant(std::chrono::milliseconds(dbal_result_int(at_, column)));
        } else if constexpr (std::is_same_v<T, date>) {
            return date{static_cast<std::int32_t>(dbal_result_int(at_, column))};
        } else if constexpr (std::is_same_v<T, bytes>) {
            std::size_t length = 0;
            const std::uint8_t *start = dbal_result_bytes(at_, column, &length);
            return start ? bytes(start, start + length) : bytes();
        } else {
            std::size_t length = 0;
            const char *start = dbal_result_text(at_, column, &length);
            return start ? T(start, length) : T();
        }
    }

    dbal_result *at_;
};

/** An answer: `for (dbal::row user : db.entity("User").find_many())`. Goes through its rows once. */
class result {
public:
    /** Takes an answer over. */
    explicit result(dbal_result *taken) noexcept : own_(taken), at_(taken) {}
    /** Looks at one that belongs to something else. */
    static result part(dbal_result *lent) noexcept {
        result view(nullptr);
        view.at_ = lent;
        return view;
    }

    dbal_kind kind() const noexcept { return dbal_result_kind(at_); }
    /** Whether there is nothing: `first` found none, a related row is not there. */
    bool empty() const noexcept { return at_ == nullptr || kind() == DBAL_KIND_NOTHING; }
    explicit operator bool() const noexcept { return !empty(); }
    std::size_t size() const noexcept { return dbal_result_row_count(at_); }
    std::int64_t number() const noexcept { return dbal_result_number(at_); }
    std::optional<std::int64_t> total() const noexcept {
        const std::int64_t total = dbal_result_total(at_);
        return total < 0 ? std::nullopt : std::optional<std::int64_t>(total);
    }
    std::int64_t page() const noexcept { return dbal_result_page(at_); }
    std::int64_t limit() const noexcept { return dbal_result_limit(at_); }
    bool has_more() const noexcept { return dbal_result_has_more(at_); }
    std::optional<std::string> next_cursor() const { return text(dbal_result_next_cursor(at_)); }
    std::optional<std::string> prev_cursor() const { return text(dbal_result_prev_cursor(at_)); }
    /** The answers of a batch. */
    std::size_t parts() const noexcept { return dbal_result_part_count(at_); }
    result part(std::size_t index) const noexcept { return part(dbal_result_part(at_, index)); }

    /** Goes on to the next row. */
    bool next() {
        return detail::checked([&](dbal_error **err) { return dbal_result_next(at_, err); }) == DBAL_ROW;
    }

    /** The row under the cursor; of an answer of one row, that. */
    row current() const noexcept { return row(at_); }
    /** The same: `db.entity("User").read(id)->text("username")`. */
    const row *operator->() const noexcept {
        current_ = current();
        return &current_;
    }
    row operator*() const noexcept { return current(); }

    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = row;
        using difference_type = std::ptrdiff_t;
        using pointer = const row *;
        using reference = row;

        explicit iterator(result *of) : of_(of) { ++*this; }
        iterator() noexcept : of_(nullptr) {}
        row operator*() const noexcept { return of_->current(); }
        iterator &operator++() {
            if (!of_->at_ || !of_->next()) {
                of_ = nullptr;
            }
            return *this;
        }
        bool operator==(const iterator &other) const noexcept { return of_ == other.of_; }
        bool operator!=(const iterator &other) const noexcept { return of_ != other.of_; }

    private:
        result *of_;
    };

    iterator begin() { return iterator(this); }
    iterator end() noexcept { return iterator(); }
    dbal_result *get() const noexcept { return at_; }

private:
    static std::optional<std::string> text(const char *text) {
        return text ? std::optional<std::string>(text) : std::nullopt;
    }

    detail::owned<dbal_result> own_;
    dbal_result *at_;
    mutable row current_{nullptr};
};

inline result row::rows(const char *relation) const { return result::part(dbal_result_rows(at_, column(relation))); }

/** A prepared request: `statement.bind(0, id); for (dbal::row row : statement.run()) ...`. */
class statement {
public:
    explicit statement(dbal_statement *taken) noexcept : held_(taken) {}

    statement &bind(std::size_t position, std::nullptr_t) { return dbal_bind_null(held_.get(), position), *this; }
    statement &bind(std::size_t position, bool flag) { return dbal_bind_bool(held_.get(), position, flag), *this; }
    template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
    statement &bind(std::size_t position, T number) {
        return dbal_bind_int(held_.get(), position, number), *this;
    }
    statement &bind(std::size_t position, double number) { return dbal_bind_float(held_.get(), position, number), *this; }
    statement &bind(std::size_t position, std::string_view text) {
        return dbal_bind_text(held_.get(), position, text.data(), text.size()), *this;
    }
    statement &bind(std::size_t position, const std::string &text) { return bind(position, std::string_view(text)); }
    statement &bind(std::size_t position, const char *text) { return bind(position, std::string_view(text)); }
    statement &bind(std::size_t position, const value &given) {
        return dbal_bind_value(held_.get(), position, given.get()), *this;
    }

    /** Runs it. The answer belongs to the statement, until the next run. */
    result run() {
        detail::checked([&](dbal_error **err) { return dbal_statement_run(held_.get(), err); });
        return result::part(dbal_statement_result(held_.get()));
    }

private:
    detail::owned<dbal_statement> held_;
};

/** Stops requests from another thread. */
class cancel {
public:
    cancel() : held_(dbal_cancel_new()) {}
    void now() const noexcept { dbal_cancel_now(held_.get()); }
    const dbal_cancel *get() const noexcept { return held_.get(); }

private:
    detail::owned<dbal_cancel> held_;
};

/** One entity, as a client or a transaction sees it. */
class entity {
public:
    entity(const dbal_client *on, std::string name) : on_(on), name_(std::move(name)) {}

    const std::string &name() const noexcept { return name_; }
    result create(const value &data) const { return run("create", value().set("data", data)); }
    /** The row with this key: its id, or the fields of a unique key. */
    result read(const value &key, const query &options = {}) const { return run("read", value(options.args()).set("id", key)); }
    result update(const value &key, const value &patch, const query &options = {}) const {
        return run("update", value(options.args()).set("id", key).set("data", patch));
    }
    void remove(const value &key, const query &options = {}) const { run("delete", value(options.args()).set("id", key)); }
    result list(const query &asked = {}) const { return run("list", asked.args()); }
    result find_many(const query &asked = {}) const { return run("find_many", asked.args()); }
    /** The first row that matches; false where there is none. */
    result first(const query &asked = {}) const { return run("first", asked.args()); }
    /** The rows that match, read while they are taken. */
    result stream(const query &asked = {}) const { return run("stream", asked.args()); }
    std::int64_t count(const query &asked = {}) const { return run("count", asked.args()).number(); }
    result distinct(std::string_view field, const query &asked = {}) const {
        return run("distinct", value(asked.args()).set("field", field));
    }
    result aggregate(const query &asked) const { return run("aggregate", asked.args()); }
    result create_many(const value &rows) const { return run("create_many", value().set("data", rows)); }
    std::int64_t update_many(const query &asked, const value &patch) const {
        return run("update_many", value(asked.args()).set("data", patch)).number();
    }
    std::int64_t delete_many(const query &asked) const { return run("delete_many", asked.args()).number(); }
    result upsert(const value &where, const value &create, const value &update) const {
        return run("upsert", value().set("where", where).set("create", create).set("update", update));
    }
    result upsert_many(const value &rows) const { return run("upsert_many", value().set("data", rows)); }
    /** Runs an operation that the schema declares. */
    result call(std::string_view operation, const value &input = map{}) const {
        return run("call", value().set("name", operation).set("input", input));
    }
    /** Any operation with any arguments. */
    result run(const char *operation, const value &args) const {
        dbal_result *answer = nullptr;
        detail::checked([&](dbal_error **err) {
            return dbal_run(on_, operation, name_.c_str(), args.get(), &answer, err);
        });
        return result(answer);
    }
    statement prepare(const char *operation, const query &asked) const {
        dbal_statement *made = nullptr;
        detail::checked([&](dbal_error **err) {
            return dbal_prepare(on_, operation, name_.c_str(), asked.args().get(), &made, err);
        });
        return statement(made);
    }
    /** Gives each row to a function while it is in the driver's buffer. One that returns false stops the request. */
    template <class Work> void each(const query &asked, Work &&work) const {
        using worker = std::remove_reference_t<Work>;
        struct state {
            worker &work;
            std::exception_ptr thrown;
        } doing{work, nullptr};
        const auto callback = [](dbal_result *at, void *user) -> std::int32_t {
            state &doing = *static_cast<state *>(user);
            try {
                if constexpr (std::is_same_v<std::invoke_result_t<worker &, row>, bool>) {
                    return doing.work(row(at)) ? 0 : 1;
                } else {
                    doing.work(row(at));
                    return 0;
                }
            } catch (...) {
                doing.thrown = std::current_exception();
                return 1;
            }
        };
        dbal_error *err = nullptr;
        const dbal_status status = dbal_each(on_, "find_many", name_.c_str(), asked.args().get(), callback, &doing, &err);
        if (status == DBAL_STOPPED) {
            dbal_error_free(err);
            if (doing.thrown) {
                std::rethrow_exception(doing.thrown);
            }
        } else if (err) {
            throw error::taken(err);
        }
    }

private:
    const dbal_client *on_;
    std::string name_;
};

/** A database as one caller sees it, or a transaction. */
class client {
public:
    /** Opens a database with the entities of a folder. */
    client(const std::string &url, const std::string &schema) {
        dbal_client *opened = nullptr;
        detail::checked([&](dbal_error **err) { return dbal_open(url.c_str(), schema.c_str(), &opened, err); });
        held_.reset(opened);
    }
    /** Opens a database with options by name; see dbal_open_with. */
    client(const std::string &url, const value &options) {
        dbal_client *opened = nullptr;
        detail::checked([&](dbal_error **err) { return dbal_open_with(url.c_str(), options.get(), &opened, err); });
        held_.reset(opened);
    }
    client(const std::string &url, const char *schema) : client(url, std::string(schema)) {}
    /** Takes a client of the C interface over. */
    explicit client(dbal_client *taken) noexcept : held_(taken) {}

    dbal::entity entity(std::string name) const { return dbal::entity(held_.get(), std::move(name)); }
    dbal::entity operator[](std::string name) const { return entity(std::move(name)); }

    std::vector<std::string> migrate() const {
        dbal_value *ran = nullptr;
        detail::checked([&](dbal_error **err) { return dbal_migrate(held_.get(), &ran, err); });
        const value told(ran);
        std::vector<std::string> statements;
        for (std::size_t index = 0; index < dbal_value_count(ran); ++index) {
            statements.emplace_back(dbal_value_text(dbal_value_at(ran, index), nullptr));
        }
        return statements;
    }
    void reset(bool confirm) const {
        detail::checked([&](dbal_error **err) { return dbal_reset(held_.get(), confirm, err); });
    }
    std::int64_t sweep() const {
        std::int64_t swept = 0;
        detail::checked([&](dbal_error **err) { return dbal_sweep(held_.get(), &swept, err); });
        return swept;
    }
    /** 2 natively, 1 emulated, 0 not at all. */
    int capability(const char *name) const noexcept { return dbal_capability(held_.get(), name); }
    value describe() const {
        dbal_value *told = nullptr;
        detail::checked([&](dbal_error **err) { return dbal_describe(held_.get(), &told, err); });
        return value(told);
    }
    value explain(const char *operation, const std::string &name, const query &asked = {},
                  const std::optional<value> &principal = std::nullopt) const {
        dbal_value *told = nullptr;
        detail::checked([&](dbal_error **err) {
            return dbal_explain(held_.get(), operation, name.c_str(), asked.args().get(), principal ? principal->get() : nullptr,
                                &told, err);
        });
        return value(told);
    }

    /** The same database on behalf of a caller: `db.as_principal(dbal::map{{"user", dbal::map{{"id", id}, {"role", "user"}}}})`. */
    client as_principal(const value &principal) const {
        return made([&](dbal_client **out, dbal_error **err) {
            return dbal_as_principal(held_.get(), principal.get(), out, err);
        });
    }
    /** The same client whose reads see everything that was committed before: none goes to a copy of the database. */
    client newest() const {
        return made([&](dbal_client **out, dbal_error **err) { return dbal_newest(held_.get(), out, err); });
    }
    client with_timeout(std::chrono::milliseconds timeout) const {
        return made([&](dbal_client **out, dbal_error **err) {
            return dbal_with_timeout(held_.get(), timeout.count(), out, err);
        });
    }
    client with_cancel(const cancel &token) const {
        return made([&](dbal_client **out, dbal_error **err) { return dbal_with_cancel(held_.get(), token.get(), out, err); });
    }

    /** Begins a transaction, or one inside this one. Let go of without a commit, it is rolled back. */
    client begin() const {
        return made([&](dbal_client **out, dbal_error **err) { return dbal_begin(held_.get(), out, err); });
    }
    void commit() const {
        detail::checked([&](dbal_error **err) { return dbal_commit(held_.get(), err); });
    }
    void rollback() const {
        detail::checked([&](dbal_error **err) { return dbal_rollback(held_.get(), err); });
    }

    /** Does something in one transaction, and again when another one got there first; what it throws rolls back. */
    template <class Work> auto transaction(Work &&work, int retries = -1) const {
        using worker = std::remove_reference_t<Work>;
        using outcome = std::invoke_result_t<worker &, const client &>;
        using kept = std::conditional_t<std::is_void_v<outcome>, bool, outcome>;
        struct state {
            worker &work;
            std::optional<kept> answer;
            std::exception_ptr thrown;
        } doing{work, std::nullopt, nullptr};
        const auto callback = [](dbal_client *tx, void *user, dbal_error **) -> std::int32_t {
            state &doing = *static_cast<state *>(user);
            doing.thrown = nullptr;
            try {
                // It belongs to the call, which closing leaves alone.
                const client inside(tx);
                if constexpr (std::is_void_v<outcome>) {
                    doing.work(inside);
                } else {
                    doing.answer.emplace(doing.work(inside));
                }
                return 0;
            } catch (...) {
                doing.thrown = std::current_exception();
                return 1;
            }
        };
        dbal_error *err = nullptr;
        const dbal_status status = dbal_transaction(held_.get(), retries, -1, callback, &doing, &err);
        if (status == DBAL_STOPPED && doing.thrown) {
            dbal_error_free(err);
            std::rethrow_exception(doing.thrown);
        }
        if (err) {
            throw error::taken(err);
        }
        if constexpr (!std::is_void_v<outcome>) {
            return std::move(*doing.answer);
        }
    }

    /** Runs entries together, made with `dbal::batch`. */
    result batch(const value &entries) const { return dbal::entity(held_.get(), "").run("batch", entries); }
    result call(std::string_view operation, const value &input = map{}) const {
        return dbal::entity(held_.get(), "").call(operation, input);
    }

    dbal_client *get() const noexcept { return held_.get(); }

private:
    template <class Make> static client made(Make &&make) {
        dbal_client *out = nullptr;
        detail::checked([&](dbal_error **err) { return make(&out, err); });
        return client(out);
    }

    detail::owned<dbal_client> held_;
};

/** Requests that apply together: `db.batch(dbal::batch().add("create", "User", ...).entries())`. */
class batch {
public:
    batch &add(const char *operation, const std::string &name, const value &args) {
        detail::checked([&](dbal_error **err) {
            return dbal_batch_add(entries_.get(), operation, name.c_str(), args.get(), err);
        });
        return *this;
    }
    const value &entries() const noexcept { return entries_; }

private:
    value entries_;
};

} // namespace dbal

#endif
