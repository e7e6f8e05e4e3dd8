"""The architecture as a table: who may see whom. Checks of includes, links and symbols all read it."""

ENGINE_ORDER = ["engine/base", "engine/model", "engine/expr", "engine/policy", "engine/rules", "engine"]

# Ports: headers that describe what the core is given from outside. They need base and model only,
# so the rules may include them although they lie one folder up.
PORTS = {"engine/view.h", "engine/proof.h"}

# Headers that C17 has without an operating system's help. stdatomic, time, stdlib, stdio are not here.
PURE_HEADERS = {
    "stdint.h", "stdbool.h", "stddef.h", "string.h", "limits.h", "stdarg.h", "inttypes.h", "stdalign.h",
    "xxhash.h",  # Inline (XXH_INLINE_ALL): the symbol check sees to that.
}

# folder -> folders and headers of ours that it may include. Longest folder wins.
OURS = {
    "engine/base": set(),
    "engine/model": {"engine/base"},
    "engine/expr": {"engine/base", "engine/model"},
    "engine/policy": {"engine/base", "engine/model", "engine/expr"},
    "engine/rules": {"engine/base", "engine/model", "engine/expr", "engine/policy"} | PORTS,
    "engine": set(ENGINE_ORDER),
    "proto": {"engine/base", "engine/model"},
    "store": {"engine/base", "engine/model", "engine/view.h", "proto/wire.h"},
    "consumers": {*ENGINE_ORDER, "proto", "store"},
    "ops": {*ENGINE_ORDER, "proto", "store", "consumers"},
    "tests": {*ENGINE_ORDER, "proto", "store", "consumers", "ops"},
}

# header prefix -> (where it may stand: folder prefixes and a file name's ending), reason for the message
FOREIGN = {
    "lmdb.h": (("store/",), "_lmdb.c"),
    "librdkafka/": (("consumers/", "ops/"), "_kafka.c"),
    "openssl/": (("proto/", "consumers/", "ops/"), "_openssl.c"),  # proto/: digests of policies and records.
    "simdjson.h": (("proto/",), "_simdjson.cc"),
    "libfyaml.h": (("proto/", "consumers/", "ops/"), "_fyaml.c"),
    "protobuf-c/": (("proto/",), ".c"),
    "microhttpd.h": (("consumers/", "ops/"), "_http.c"),
    "re2/": (("proto/", "consumers/", "ops/"), "_re2.cc"),
}
JANSSON = "jansson.h"  # In ops/, and where a node reads its configuration.

# PkgConfig target -> folders whose components may link it
FOREIGN_LINKS = {
    "PkgConfig::lmdb": ("store",),
    "PkgConfig::rdkafka": ("consumers", "ops"),
    "PkgConfig::crypto": ("proto", "consumers", "ops"),
    "PkgConfig::simdjson": ("proto",),
    "PkgConfig::fyaml": ("proto", "consumers", "ops"),
    "PkgConfig::protobuf_c": ("proto",),
    "PkgConfig::microhttpd": ("consumers", "ops"),
    "PkgConfig::re2": ("proto", "consumers", "ops"),
    "PkgConfig::jansson": ("consumers", "ops"),
    "PkgConfig::xxhash": ("engine", "proto", "store", "consumers", "ops"),
    "Threads::Threads": ("store", "consumers", "ops"),
    "PkgConfig::cmocka": (),
}

# What an object of the core may ask of the world.
PURE_SYMBOLS = {"memcpy", "memmove", "memset", "memcmp", "strlen", "memchr", "abort"}
# bcmp is what clang makes of memcmp(...) == 0; the __*ti* are 128-bit arithmetic, __popcount* and kin
# the compiler's own help where the processor's baseline has no instruction.
COMPILER_SYMBOLS = r"bcmp|__stack_chk_fail|__(memcpy|memmove|memset)_chk|_GLOBAL_OFFSET_TABLE_|__(popcount|clz|ctz|ffs|parity|bswap)[sdt]i2|__(u?div|u?mod|mul|float|fix)\w*ti\w*"
SANITIZER_SYMBOLS = r"__(asan|ubsan|tsan|sanitizer|sancov|start___sancov|stop___sancov)_\w+|__odr_asan\S*"

# Writable data of the core, all of it: state belongs to the view.
WRITABLE = {"sunder_must_hook"}


def folder_of(path):
    """The folder in OURS that a path belongs to, or None: the longest that is its beginning."""
    best = None
    for folder in OURS:
        if (path + "/").startswith(folder + "/") and (best is None or len(folder) > len(best)):
            best = folder
    return best


def may_include(path, header):
    """Whether the file at `path` may include our header."""
    mine, theirs = folder_of(path), folder_of(header)
    if mine is None or theirs is None:
        return False
    return theirs == mine or header in OURS[mine] or theirs in OURS[mine]


def may_link(mine, theirs):
    """Whether a component in folder `mine` may link one in folder `theirs`."""
    if mine == theirs:
        return True
    links = {header.split("/")[0] if "." in header else header for header in OURS[mine]}
    if mine in ("engine/rules", "store"):
        links.discard("engine")  # They see headers of it, not the library.
    return theirs in links
