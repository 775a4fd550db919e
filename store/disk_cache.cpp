// SPDX-License-Identifier: Apache-2.0
#include "store/disk_cache.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <string_view>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace optimilter {

namespace {

constexpr int kPageBytes = 16384;
// "OMRC" and the layout of the table: a file of another one is begun anew.
constexpr std::uint32_t kApplicationId = 0x4F4D5243;
constexpr int kLayout = 1;
constexpr std::chrono::seconds kTryAgain{60};

bool is_damage(int code) {
    const int kind = code & 0xFF;
    return kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB || kind == SQLITE_FORMAT;
}

void remove_files(const std::string& path) {
    for (const char* ending : {"", "-wal", "-shm", "-journal"}) ::unlink((path + ending).c_str());
}

// A file that a slip put into the settings is never written to nor removed: only an empty one, or one that
// says in its head (SQLite's file format, 1.3) that it is ours. Made here with its mode, before SQLite would
// make it with another.
Status prepare_file(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return Error{ErrorCode::kIo, std::string("open: ") + std::strerror(errno)};
    struct stat found {};
    if (::fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode))
        return Error{ErrorCode::kIo, "is no plain file"};
    if (found.st_uid != ::geteuid() || (found.st_mode & 077) != 0)
        return Error{ErrorCode::kRefused, "belongs to somebody else, or others may read it"};
    constexpr std::size_t kIdAt = 68;
    std::uint8_t head[kIdAt + 4] = {};
    const ssize_t size = ::pread(file.get(), head, sizeof head, 0);
    const bool ours = size == sizeof head && starts_with(head, "SQLite format 3") &&
                      read_be32(&head[kIdAt]) == kApplicationId;
    if (size != 0 && !ours) return Error{ErrorCode::kRefused, "is a file of something else"};
    return Success{};
}

struct StatementEnd {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, StatementEnd>;

// Resets on the way out, so that no transaction stays open.
class Running {
  public:
    explicit Running(const Statement& statement) : statement_(statement.get()) {}
    ~Running() {
        sqlite3_reset(statement_);
        sqlite3_clear_bindings(statement_);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    void bind(int place, ByteView bytes) {
        sqlite3_bind_blob64(statement_, place, bytes.data(), bytes.size(), SQLITE_STATIC);
    }
    void bind(int place, std::int64_t number) { sqlite3_bind_int64(statement_, place, number); }
    int step() { return sqlite3_step(statement_); }
    ByteView blob(int column) {
        const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
        return {data,
                data == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
    }
    std::int64_t number(int column) { return sqlite3_column_int64(statement_, column); }

  private:
    sqlite3_stmt* statement_;
};

}  // namespace

// One connection and its statements.
class DiskCache::File {
  public:
    static Result<std::unique_ptr<File>> open(const std::string& path, int busy_ms, int& code) {
        std::unique_ptr<File> file(new File);
        code = sqlite3_open_v2(path.c_str(), &file->db_,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr);
        if (code != SQLITE_OK) return file->error();
        sqlite3_busy_timeout(file->db_, busy_ms);
        return file;
    }
    ~File() {
        statements_ = {};
        sqlite3_close(db_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    int run(const std::string& sql) { return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr); }
    int number(const char* sql, std::int64_t& value) {
        Statement statement;
        const int code = prepare(statement, sql);
        if (code != SQLITE_OK) return code;
        Running running(statement);
        const int step = running.step();
        if (step != SQLITE_ROW) return step == SQLITE_DONE ? SQLITE_CORRUPT : step;
        value = running.number(0);
        return SQLITE_OK;
    }
    int prepare(Statement& statement, const std::string& sql) {
        sqlite3_stmt* raw = nullptr;
        const int code = sqlite3_prepare_v2(db_, sql.c_str(), -1, &raw, nullptr);
        statement.reset(raw);
        return code;
    }
    int prepare_all() {
        const std::pair<Statement*, const char*> wanted[] = {
            {&statements_.find, "SELECT digest, value FROM result WHERE key = ?1"},
            {&statements_.keep,
             "INSERT OR REPLACE INTO result (key, used, digest, value) VALUES (?1, ?2, ?3, ?4)"},
            {&statements_.touch, "UPDATE result SET used = ?2 WHERE key = ?1"},
            {&statements_.drop,
             "DELETE FROM result WHERE key IN (SELECT key FROM result ORDER BY used LIMIT "
             "1 + (SELECT count(*) FROM result) / 8)"}};
        for (const auto& [statement, sql] : wanted) {
            const int code = prepare(*statement, sql);
            if (code != SQLITE_OK) return code;
        }
        return SQLITE_OK;
    }
    Error error() const {
        return {ErrorCode::kIo, printable(db_ == nullptr ? "no memory" : sqlite3_errmsg(db_))};
    }

    struct Statements {
        Statement find, keep, touch, drop;
    };
    const Statements& statements() const { return statements_; }

  private:
    File() = default;

    sqlite3* db_ = nullptr;
    Statements statements_;
};

namespace {

// Sets up an empty file; one of another layout counts as damaged.
template <typename File>
int make_layout(File& file, std::uint64_t limit_bytes) {
    std::int64_t layout = 0, tables = 0;
    int code = file.number("PRAGMA user_version", layout);
    if (code == SQLITE_OK) code = file.number("SELECT count(*) FROM sqlite_master", tables);
    if (code != SQLITE_OK) return code;
    if (tables != 0 && layout != kLayout) return SQLITE_CORRUPT;
    const auto most_pages = std::max<std::uint64_t>(64, limit_bytes / kPageBytes);
    // The id first: it is in the file's head before anything else is.
    const std::string steps[] = {"PRAGMA page_size = " + std::to_string(kPageBytes),
                                 "PRAGMA application_id = " + std::to_string(kApplicationId),
                                 "PRAGMA journal_mode = WAL",
                                 "PRAGMA synchronous = NORMAL",
                                 "PRAGMA journal_size_limit = 4194304",
                                 "PRAGMA user_version = " + std::to_string(kLayout),
                                 "CREATE TABLE IF NOT EXISTS result (key BLOB PRIMARY KEY, used INTEGER NOT "
                                 "NULL, digest BLOB NOT NULL, "
                                 "value BLOB NOT NULL)",
                                 "CREATE INDEX IF NOT EXISTS result_used ON result (used)",
                                 "PRAGMA max_page_count = " + std::to_string(most_pages)};
    for (const std::string& step : steps) {
        code = file.run(step);
        if (code != SQLITE_OK) return code;
    }
    return SQLITE_OK;
}

}  // namespace

DiskCache::DiskCache(std::string path, std::uint64_t limit_bytes)
    : path_(std::move(path)), limit_bytes_(limit_bytes) {}

DiskCache::~DiskCache() = default;

bool DiskCache::is_open() const {
    const std::lock_guard lock(mutex_);
    return reader_ != nullptr;
}

Status DiskCache::open() {
    if (const Status prepared = prepare_file(path_); !prepared) return prepared;
    int code = SQLITE_OK;
    auto writer = File::open(path_, 200, code);
    if (writer) code = make_layout(**writer, limit_bytes_);
    if (writer && code == SQLITE_OK) code = (*writer)->prepare_all();
    // Readers do not wait: a result that cannot be had at once is made anew.
    int reader_code = SQLITE_OK;
    auto reader = File::open(path_, 0, reader_code);
    if (reader && code == SQLITE_OK) code = (*reader)->prepare_all();
    if (is_damage(code) || is_damage(reader_code)) {
        const std::lock_guard lock(mutex_);
        broken_ = true;
    }
    if (!writer) return writer.error();
    if (!reader) return reader.error();
    if (code != SQLITE_OK) return Error{ErrorCode::kIo, sqlite3_errstr(code)};
    writer_ = std::move(*writer);
    const std::lock_guard lock(mutex_);
    reader_ = std::move(*reader);
    return Success{};
}

void DiskCache::give_up(const std::string& why) {
    if (why != last_reason_) log_warning("cache file {}: {}; trying again", printable(path_), why);
    last_reason_ = why;
    writer_.reset();
    const std::lock_guard lock(mutex_);
    reader_.reset();
}

void DiskCache::tend() {
    bool broken = false;
    {
        const std::lock_guard lock(mutex_);
        std::swap(broken, broken_);
    }
    if (broken) {
        give_up("damaged");
        remove_files(path_);
        not_before_ = {};
    }
    if (writer_ || SteadyClock::now() < not_before_) return;
    not_before_ = SteadyClock::now() + kTryAgain;
    const Status opened = open();
    if (opened) return last_reason_.clear();
    give_up(opened.error().text);
}

void DiskCache::note_problem(int code, const char* doing) {
    if (is_damage(code)) {
        const std::lock_guard lock(mutex_);
        broken_ = true;
    }
    log_debug("cache file {}: {}: {}", printable(path_), doing, sqlite3_errstr(code));
}

std::optional<StoredResult> DiskCache::find(const Digest& key) {
    const std::lock_guard lock(mutex_);
    if (!reader_ || broken_) return std::nullopt;
    Running find(reader_->statements().find);
    find.bind(1, key);
    const int code = find.step();
    if (code != SQLITE_ROW) {
        broken_ = is_damage(code);
        return std::nullopt;
    }
    const ByteView value = find.blob(1);
    const Digest digest = sha256(value);
    const ByteView kept = find.blob(0);
    if (!std::equal(digest.begin(), digest.end(), kept.begin(), kept.end())) {
        broken_ = true;
        return std::nullopt;
    }
    auto result = parse_stored_result(value);
    if (!result) return std::nullopt;
    return std::move(*result);
}

void DiskCache::keep(const Digest& key, const StoredResult& result) {
    if (!writer_) return;
    const Bytes value = encode_stored_result(result);
    if (value.size() > limit_bytes_ / 8) return;
    const Digest digest = sha256(value);
    int code = SQLITE_FULL;
    for (int tries = 0; tries < 8 && code == SQLITE_FULL; ++tries) {
        if (tries > 0) Running(writer_->statements().drop).step();
        Running keep(writer_->statements().keep);
        keep.bind(1, key);
        keep.bind(2, static_cast<std::int64_t>(std::time(nullptr)));
        keep.bind(3, digest);
        keep.bind(4, value);
        code = keep.step();
    }
    if (code != SQLITE_DONE) note_problem(code, "keep");
}

void DiskCache::touch(const Digest& key) {
    if (!writer_) return;
    Running touch(writer_->statements().touch);
    touch.bind(1, key);
    touch.bind(2, static_cast<std::int64_t>(std::time(nullptr)));
    const int code = touch.step();
    if (code != SQLITE_DONE) note_problem(code, "touch");
}

}  // namespace optimilter
