#include "tests/bench/bench_simdjson.h"

#include <cstring>
#include <memory>
#include <new>

#include <simdjson.h>

struct bench_simdjson {
    simdjson::dom::parser parser;
    std::unique_ptr<char[]> padded;
};

bench_simdjson *bench_simdjson_create(size_t bytes_max)
{
    auto *bench = new (std::nothrow) bench_simdjson;
    if (bench == nullptr) {
        return nullptr;
    }
    bench->padded.reset(new (std::nothrow) char[bytes_max + simdjson::SIMDJSON_PADDING]);
    if (bench->padded == nullptr || bench->parser.allocate(bytes_max) != simdjson::SUCCESS) {
        delete bench;
        return nullptr;
    }
    return bench;
}

void bench_simdjson_destroy(bench_simdjson **bench)
{
    delete *bench;
    *bench = nullptr;
}

bool bench_simdjson_parse(bench_simdjson *bench, const char *text, size_t len)
{
    std::memcpy(bench->padded.get(), text, len);
    return bench->parser.parse(bench->padded.get(), len, false).error() == simdjson::SUCCESS;
}
