/* The only file that knows RE2. A pattern's program is bounded, so that a hostile one is refused when it is compiled; the text is searched
 * by an automaton whose cache falls back to a slower one within the same bound. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* Headers of C17: compound literals. */
extern "C" {
#include "proto/regex.h"
}
#pragma GCC diagnostic pop

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <re2/re2.h>

static const int64_t MEMORY_MAX = 1 << 20; /* Of one pattern with its automata. */

struct sunder_regex_set {
    sunder_regex port;
    std::vector<std::unique_ptr<re2::RE2>> patterns;
};

namespace
{

re2::StringPiece piece_of(sunder_str text)
{
    return re2::StringPiece(text.len == 0 ? "" : text.at, text.len);
}

void complain(char *complaint, size_t size, const std::string &text)
{
    size_t len = text.size() < size - 1 ? text.size() : size - 1;
    std::memcpy(complaint, text.data(), len);
    complaint[len] = '\0';
}

sunder_err compile(
    void *ctx, sunder_str pattern, const void **ret_pattern, char *complaint, size_t size)
{
    sunder_regex_set *set = static_cast<sunder_regex_set *>(ctx);
    try {
        re2::RE2::Options options;
        options.set_log_errors(false);
        options.set_max_mem(MEMORY_MAX);
        std::unique_ptr<re2::RE2> made(new re2::RE2(piece_of(pattern), options));
        if (!made->ok()) {
            complain(complaint, size, made->error());
            return SUNDER_ERR_INVALID;
        }
        *ret_pattern = made.get();
        set->patterns.push_back(std::move(made));
        return SUNDER_OK;
    } catch (const std::bad_alloc &) {
        return SUNDER_ERR_FULL;
    }
}

bool found(const void *pattern, sunder_str text)
{
    return re2::RE2::PartialMatch(piece_of(text), *static_cast<const re2::RE2 *>(pattern));
}

} // namespace

extern "C" sunder_err sunder_regex_set_create(sunder_regex_set **ret_set)
{
    sunder_regex_set *set = new (std::nothrow) sunder_regex_set();
    if (set == nullptr) {
        return SUNDER_ERR_FULL;
    }
    set->port.ctx = set;
    set->port.compile = compile;
    set->port.found = found;
    *ret_set = set;
    return SUNDER_OK;
}

extern "C" void sunder_regex_set_destroy(sunder_regex_set **set)
{
    if (set != nullptr) {
        delete *set;
        *set = nullptr;
    }
}

extern "C" const sunder_regex *sunder_regex_port(sunder_regex_set *set)
{
    return &set->port;
}
