#!/usr/bin/env python3
"""Proves that each check fails on a planted fault, and only on it. Standard library only."""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

import hardening
import headers
import includes
import labels
import layers
import links
import run_pytest
import source
import style
import summary
import symbols

HEADER = "/* A thing. */\n#pragma once\n"
CLEAN = {
    "engine/base/a.h": HEADER + "#include <stdint.h>\nint sunder_a_get(void);\n",
    "engine/base/a.c": '#include "engine/base/a.h"\n\nint sunder_a_get(void)\n{\n    return 1;\n}\n',
    "engine/view.h": HEADER + '#include "engine/base/a.h"\n',
    "engine/rules/r.h": HEADER + '#include "engine/base/a.h"\n#include "engine/view.h"\n',
    "store/store_lmdb.c": '#include <lmdb.h>\n\n#include "engine/view.h"\n',
    "proto/wire.h": HEADER,
    "proto/wire_protobuf.c": '#include "proto/event.pb-c.h"\n\n#include "engine/base/a.h"\n',
    "consumers/bus_kafka.c": '#include <librdkafka/rdkafka.h>\n\n#include "engine/rules/r.h"\n#include "proto/wire.h"\n',
    "ops/cli/main.c": '#include <jansson.h>\n\n#include "engine/view.h"\n',
    "tests/unit/test_a.c": '#include "engine/base/a.h"\n#include <cmocka.h>\n',
    "tests/tidy/exceptions": "# none\n",
}


class Tree(unittest.TestCase):
    """A small tree on disk that each test breaks in one place."""

    def tree(self, changes=None):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, text in {**CLEAN, **(changes or {})}.items():
            path = os.path.join(folder.name, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return folder.name

    def one(self, complaints, part):
        self.assertEqual(len(complaints), 1, complaints)
        self.assertIn(part, complaints[0])


class Includes(Tree):
    def test_a_clean_tree_has_no_complaint(self):
        complaints, seen = includes.check(self.tree())
        self.assertEqual(complaints, [])
        self.assertEqual(seen, 10)

    def test_an_empty_tree_is_a_failure_not_a_success(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(includes.main([folder]), 1)

    def planted(self, name, line, part):
        before = CLEAN.get(name, HEADER if name.endswith(".h") else "")
        complaints, _ = includes.check(self.tree({name: before + line + "\n"}))
        self.one(complaints, part)

    def test_each_layer_refuses_what_is_to_its_right(self):
        self.planted("engine/base/a.h", '#include "engine/view.h"', "engine/base may not see engine")
        self.planted("engine/model/m.h", '#include "engine/rules/r.h"', "may not see engine/rules")
        self.planted("engine/expr/e.h", '#include "engine/view.h"', "may not see engine")
        self.planted("engine/rules/q.h", '#include "proto/wire.h"', "may not see proto")
        self.planted("proto/p.h", '#include "engine/rules/r.h"', "may not see engine/rules")
        self.planted("store/s.h", '#include "engine/rules/r.h"', "may not see engine/rules")
        self.planted("proto/p.h", '#include "engine/view.h"', "may not see engine")

    def test_a_foreign_header_stays_in_its_file(self):
        self.planted("store/store_mem.c", "#include <lmdb.h>", "_lmdb.c")
        self.planted("consumers/node/main.c", "#include <librdkafka/rdkafka.h>", "_kafka.c")
        self.planted("consumers/node/main_lmdb.c", "#include <lmdb.h>", "store/")
        self.planted("consumers/sign.c", "#include <openssl/evp.h>", "_openssl.c")
        self.planted("proto/wire_json.c", "#include <simdjson.h>", "_simdjson.cc")
        self.planted("ops/cli/policy.c", "#include <libfyaml.h>", "_fyaml.c")
        self.planted("consumers/node/http.c", "#include <microhttpd.h>", "_http.c")
        self.planted("consumers/node/main.c", "#include <jansson.h>", "jansson")
        self.planted("store/rows.c", "#include <protobuf-c/protobuf-c.h>", "proto/")
        self.planted("ops/cli/main.c", "#include <cmocka.h>", "tests/")

    def test_the_core_includes_pure_headers_only(self):
        for header in ("stdlib.h", "stdio.h", "time.h", "pthread.h", "math.h", "locale.h"):
            self.planted("engine/base/b.h", f"#include <{header}>", "pure C17")

    def test_generated_messages_stay_inside_proto(self):
        self.planted("store/rows.c", '#include "proto/event.pb-c.h"', "inside proto/")

    def test_own_headers_come_from_the_root_and_first(self):
        self.planted("engine/base/a.c", '#include "a.h"', "from the root")
        self.planted("ops/cli/main.c", '#include "store/gone.h"', "no such header")
        text = '#include <stdint.h>\n#include "engine/base/a.h"\n'
        self.one(includes.check(self.tree({"engine/base/a.c": text}))[0], "comes first")
        port = {"store/store.h": HEADER, "store/store_mem.h": HEADER, "store/store_mem.c": '#include "store/store.h"\n'}
        self.assertEqual(includes.check(self.tree(port))[0], [])

    def test_a_commented_include_does_not_count(self):
        self.assertEqual(source.includes('/*\n#include <time.h>\n*/\n'), [])


class Headers(Tree):
    def compile(self, changes=None):
        return headers.check(self.tree(changes), "generated", [os.environ.get("CC", "cc")])

    def test_a_clean_tree_has_no_complaint(self):
        self.assertEqual(self.compile(), ([], 4))

    def test_a_header_that_needs_another_first_is_seen(self):
        self.one(self.compile({"store/s.h": HEADER + "uint32_t sunder_s(void);\n"})[0], "store/s.h does not stand alone")

    def test_the_core_is_compiled_without_posix(self):
        text = HEADER + "#include <string.h>\n#include <stdint.h>\n#define SUNDER_LEN(x) strnlen(x, 9)\n" + \
            "static inline uint64_t sunder_len(const char *x)\n{\n    return SUNDER_LEN(x);\n}\n"
        self.one(self.compile({"engine/base/n.h": text})[0], "engine/base/n.h")
        self.assertEqual(self.compile({"store/n.h": text})[0], [])


GRAPH = """\
sunder_base|STATIC_LIBRARY|engine/base|
sunder_model|STATIC_LIBRARY|engine/model|sunder_base
sunder_rules|STATIC_LIBRARY|engine/rules|sunder_model
sunder_engine|STATIC_LIBRARY|engine|sunder_rules
sunder_proto|STATIC_LIBRARY|proto|sunder_model;PkgConfig::simdjson;$<LINK_ONLY:PkgConfig::simdjson>
sunder_store|STATIC_LIBRARY|store|sunder_base;sunder_proto;PkgConfig::lmdb
sunderd|EXECUTABLE|consumers/node|sunder_engine;sunder_store;PkgConfig::rdkafka
test_a|EXECUTABLE|tests/unit|sunder_base;PkgConfig::cmocka
"""


class Links(Tree):
    def test_a_clean_graph_has_no_complaint(self):
        self.assertEqual(links.check(GRAPH), ([], 8))

    def planted(self, line, part):
        self.one(links.check(GRAPH + line + "\n")[0], part)

    def test_a_link_to_the_right_is_refused(self):
        self.planted("x|STATIC_LIBRARY|engine/base|sunder_model", "engine/base may not see engine/model")
        self.planted("x|STATIC_LIBRARY|engine/rules|sunder_engine", "engine/rules may not see engine")
        self.planted("x|STATIC_LIBRARY|proto|sunder_rules", "proto may not see engine/rules")
        self.planted("x|STATIC_LIBRARY|store|sunder_engine", "store may not see engine")
        self.planted("x|STATIC_LIBRARY|store|sunderd", "store may not see consumers")
        self.planted("x|STATIC_LIBRARY|engine|$<LINK_ONLY:sunder_store>", "engine may not see store")

    def test_a_foreign_library_is_linked_where_the_table_says(self):
        self.planted("x|STATIC_LIBRARY|engine/rules|PkgConfig::lmdb", "not for this folder")
        self.planted("x|STATIC_LIBRARY|consumers|PkgConfig::lmdb", "not for this folder")
        self.planted("x|STATIC_LIBRARY|store|PkgConfig::rdkafka", "not for this folder")
        self.planted("x|EXECUTABLE|ops/cli|PkgConfig::cmocka", "not for this folder")
        self.planted("x|STATIC_LIBRARY|store|m", "neither a target")

    def test_a_folder_outside_the_table_is_refused(self):
        self.planted("x|STATIC_LIBRARY|extra|", "not in the table")

    def test_an_empty_graph_is_a_failure_not_a_success(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            self.assertEqual(links.main([file.name]), 1)


class Symbols(Tree):
    def library(self, *sources):
        folder = self.tree()
        objects = []
        for i, text in enumerate(sources):
            path = os.path.join(folder, f"s{i}.c")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            objects.append(path[:-1] + "o")
            compiler = os.environ.get("CC", "cc")
            subprocess.run([compiler, "-O1", "-fPIC", "-fno-builtin", "-c", path, "-o", objects[-1]], check=True)
        archive = os.path.join(folder, "libx.a")
        subprocess.run(["ar", "rcs", archive, *objects], check=True)
        return archive

    def test_pure_code_and_tables_of_constants_pass(self):
        library = self.library(
            "#include <string.h>\nvoid sunder_b(void *p);\n"
            "static const char *const texts[] = {\"a\", \"b\"};\n"
            "const char *sunder_a(int i, void *p) { memset(p, 0, 8); sunder_b(p); return texts[i]; }",
            "void sunder_b(void *p) { (void)p; }\nvoid (*sunder_must_hook)(void);")
        self.assertEqual(symbols.check([library], False), ([], 2))

    def test_heap_clock_random_locale_and_io_are_seen(self):
        for call in ("malloc", "time", "rand", "setlocale", "printf", "pthread_create", "qsort", "strtod"):
            library = self.library(f"int {call}(int);\nint sunder_a(int x) {{ return {call}(x); }}")
            self.one(symbols.check([library], False)[0], f"needs {call}")

    def test_a_symbol_of_a_layer_to_the_right_is_seen(self):
        left = self.library("int sunder_right(void);\nint sunder_left(void) { return sunder_right(); }")
        right = self.library("int sunder_right(void) { return 1; }")
        self.one(symbols.check([left, right], False)[0], "needs sunder_right")
        self.assertEqual(symbols.check([right, left], False)[0], [])

    def test_writable_data_is_seen(self):
        call = "#include <string.h>\nunsigned long sunder_n(const char *s) { return strlen(s); }\n"
        for data in ("int sunder_count = 1;", "int sunder_zero;", "int *sunder_at(void) { static int at; return &at; }",
                     "_Thread_local int sunder_thread;"):
            self.one(symbols.check([self.library(call + data)], False)[0], "writable data")

    def test_a_sanitizers_symbols_pass_in_its_build_only(self):
        library = self.library("void __asan_init(void);\nvoid sunder_a(void) { __asan_init(); }")
        self.assertEqual(symbols.check([library], True)[0], [])
        self.one(symbols.check([library], False)[0], "needs __asan_init")

    def test_no_library_is_a_failure_not_a_success(self):
        self.assertEqual(symbols.main([]), 1)


class Labels(Tree):
    def test_a_test_without_one_known_label_is_seen(self):
        def test(name, *own):
            return {"name": name, "properties": [{"name": "LABELS", "value": list(own)}] if own else []}

        script = "#   ops/test -L LABEL    only tests with that label (fast, slow), in the build it belongs to\n"
        self.assertEqual(labels.known(script), {"fast", "slow"})
        self.assertEqual(labels.check([test("a", "fast")], {"fast", "slow"}), ([], 1))
        for wrong in (test("a"), test("a", "fats"), test("a", "fast", "slow")):
            self.one(labels.check([wrong], {"fast", "slow"})[0], "a: its labels")


class Hardening(Tree):
    GOOD = ["-fPIE", "-pie", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"]

    def program(self, flags):
        folder = self.tree()
        path = os.path.join(folder, "p.c")
        with open(path, "w", encoding="utf-8") as file:
            file.write("int main(void) { return 0; }")
        subprocess.run([os.environ.get("CC", "cc"), *flags, path, "-o", path[:-2]], check=True)
        return hardening.check([path[:-2]])[0]

    def test_each_missing_flag_is_seen(self):
        self.assertEqual(self.program(self.GOOD), [])
        self.one(self.program([*self.GOOD, "-no-pie"]), "position independent")
        self.one(self.program([*self.GOOD, "-Wl,-z,norelro"]), "no RELRO")
        self.one(self.program([*self.GOOD[:3], "-Wl,-z,lazy", self.GOOD[4]]), "binds late")
        self.one(self.program([*self.GOOD[:4], "-Wl,-z,execstack"]), "executable stack")

    def test_no_program_is_a_failure_not_a_success(self):
        self.assertEqual(hardening.main([]), 1)


def body(lines):
    return "    x += 1;\n" * lines


class Style(Tree):
    def planted(self, changes, rule):
        complaints, _ = style.check(self.tree(changes))
        self.one(complaints, rule)

    def function(self, head, inside):
        return {"store/f.c": f"{head}\n{{\n{inside}}}\n"}

    def test_a_clean_tree_has_no_complaint(self):
        complaints, seen = style.check(self.tree())
        self.assertEqual(complaints, [])
        self.assertEqual(seen, 10)

    def test_a_function_has_at_most_70_lines(self):
        self.assertEqual(style.check(self.tree(self.function("void f(int x)", body(68))))[0], [])
        self.planted(self.function("void f(int x)", body(69)), "function-lines: f has 71")

    def test_a_function_has_at_most_5_parameters(self):
        five = "int f(int a, int (*b)(int, int), struct s c, int d, int e)"
        self.assertEqual(style.check(self.tree(self.function(five, body(1))))[0], [])
        self.planted(self.function("int f(int a, int b, int c, int d,\n    int e, int g)", body(1)), "function-parameters")

    def test_nesting_is_at_most_4_and_initializers_are_no_nesting(self):
        four = "    if (a) { for (;;) { while (b) { do { x = (struct s){{1}, {2}}; } while (c); } } }\n"
        self.assertEqual(style.check(self.tree(self.function("void f(void)", four)))[0], [])
        five = "    if (a) { for (;;) { while (b) { if (c) { } else { switch (d) { } } } } }\n"
        self.planted(self.function("void f(void)", five), "function-nesting: f has 5")

    def test_a_file_has_at_most_600_lines_and_a_header_200(self):
        self.planted({"store/f.c": "\n" * 601}, "file-lines")
        self.planted({"store/f.h": HEADER + "\n" * 199}, "header-lines")

    def test_banned_calls_name_their_replacement(self):
        self.planted(self.function("void f(void)", "    strcpy(a, b);\n"), "memcpy")
        self.planted(self.function("void f(void)", "    x = atoi(a);\n"), "strtoll")
        self.planted({"engine/base/b.c": "int f(void)\n{\n    return qsort(1);\n}\n"}, "last byte")
        fine = '    strcpy_like(a); s->rand(1); /* strcpy( */ x = "gets(";\n'
        self.assertEqual(style.check(self.tree(self.function("void f(void)", fine)))[0], [])

    def test_no_float_in_the_core_outside_expr(self):
        self.planted({"engine/rules/f.c": "double sunder_x(void);\n"}, "floating point")
        self.assertEqual(style.check(self.tree({"engine/expr/f.c": "double sunder_x(void);\n"}))[0], [])

    def test_headers_and_comments_have_their_form(self):
        self.planted({"store/f.h": "/* A. */\nint f(void);\n"}, "#pragma once")
        self.planted({"store/f.h": "#pragma once\n"}, "what it is")
        self.planted({"store/f.c": "int a; // here\n"}, "comment-form")
        self.assertEqual(style.check(self.tree({"proto/f.cc": "namespace {\n} // namespace\n"}))[0], [])
        self.assertEqual(style.check(self.tree({"store/f.c": 'int a; /* http://x */ char *b = "http://";\n'}))[0], [])

    def test_no_test_sleeps(self):
        self.planted({"tests/broker/a.py": "time.sle" + "ep(1)\n"}, "sleep")
        self.planted({"tests/unit/a.c": "void f(void)\n{\n    usle" + "ep(10);\n}\n"}, "sleep")
        self.planted({"tests/broker/a.sh": "#!/bin/sh\nwhile :; do sle" + "ep 1; done\n"}, "sleep")
        self.assertEqual(style.check(self.tree({"tests/unit/a.c": "/* sle" + "ep(1) */\n"}))[0], [])

    def test_no_machine_path(self):
        for path in ("/ro" + "ot/x", "/ho" + "me/me/x", "/tmp/bu" + "ild-me", "../sha" + "red/x"):
            self.planted({"proto/notes.md": f"see {path}\n"}, "machine-path")

    def test_an_open_end_has_an_issue_number(self):
        self.planted({"proto/notes.md": "TO" + "DO: later\n"}, "open-end")
        self.assertEqual(style.check(self.tree({"proto/notes.md": "TO" + "DO(#12): later\n"}))[0], [])

    def test_an_exception_holds_to_its_number_and_not_beyond(self):
        long = self.function("void f(int x)", body(75))
        line = "store/f.c:f function-lines={} A state machine reads best in one piece.\n"
        self.assertEqual(style.check(self.tree({**long, "tests/tidy/exceptions": line.format(77)}))[0], [])
        self.planted({**long, "tests/tidy/exceptions": line.format(76)}, "function-lines")

    def test_an_exception_without_need_or_reason_is_a_complaint(self):
        self.planted({"tests/tidy/exceptions": "store/f.c:f function-lines=99 A reason of ten letters.\n"}, "any more")
        self.planted({"tests/tidy/exceptions": "store/f.c:f function-lines=99\n"}, "REASON")

    def test_functions_of_cpp_are_seen_in_namespaces_and_extern_blocks(self):
        text = 'namespace {\nint f(int a) {\n  return a;\n}\n}\nextern "C" {\nint g(void)\n{\n}\n}\nstruct s { int m() const { return 1; } };\n'
        self.assertEqual([found.name for found in source.functions(text)], ["f", "g", "m"])


class Pytest(unittest.TestCase):
    """A skip is never a pass, nor is an empty run."""

    def test_verdicts(self):
        self.assertEqual(run_pytest.verdict(0, 3, [], False), 0)
        self.assertEqual(run_pytest.verdict(1, 3, [], False), 1)
        self.assertEqual(run_pytest.verdict(5, 0, [], False), 1)
        self.assertEqual(run_pytest.verdict(0, 0, ["x"], False), run_pytest.CTEST_SKIP)
        self.assertEqual(run_pytest.verdict(0, 3, ["x"], False), 0)
        self.assertEqual(run_pytest.verdict(0, 3, ["x"], True), 1)
        self.assertEqual(run_pytest.verdict(5, 0, ["x"], True), 1)


JUNIT = """<?xml version="1.0"?><testsuite>
<testcase name="good" status="run"><system-out>SKIPPED test_b.py: no go</system-out></testcase>
<testcase name="bad" status="fail"><failure message=""/><system-out/></testcase>
<testcase name="gone" status="notrun"><skipped message="Unable to find executable"/><system-out/></testcase>
<testcase name="skip" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/><system-out>SKIPPED x: no java</system-out></testcase>
</testsuite>"""


class Summary(unittest.TestCase):
    def test_counts_names_and_missing_files(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "dev-fast.xml"), "w", encoding="utf-8") as file:
                file.write(JUNIT)
            with open(os.path.join(folder, "fuzz-fuzz.skip"), "w", encoding="utf-8") as file:
                file.write("no clang\n")
            passed, failures, skips = summary.summarise(folder, ["dev:fast", "dev:slow", "fuzz:fuzz"])

        self.assertEqual(passed, 1)
        self.assertEqual([line.split(" (")[0] for line in failures],
                         ["dev:fast bad", "dev:fast gone", "dev:slow: no result"])
        self.assertEqual(skips, ["dev:fast test_b.py: no go", "dev:fast x: no java", "fuzz:fuzz: no clang"])

    def test_a_suite_that_is_lost_is_a_failure(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "release-broker.xml"), "w", encoding="utf-8") as file:
                file.write("<testsuite></testsuite>")
            self.assertEqual(summary.summarise(folder, ["release:broker"]),
                             (0, ["release:broker: no test has this label"], []))


class Layers(unittest.TestCase):
    def test_every_folder_of_the_table_knows_only_folders_and_ports(self):
        for folder, others in layers.OURS.items():
            for other in others:
                self.assertTrue(other in layers.OURS or other.endswith(".h"), (folder, other))


if __name__ == "__main__":
    unittest.main(verbosity=1)
