"""Each check must flag what it is there for, and leave alone what is fine: a check that cannot fail
checks nothing."""

import shutil
import tempfile
import unittest
from pathlib import Path

import budgets
import formats
import layers
import mirrored
import tree
import words


class Sample(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def found(self, check):
        return "\n".join(check.problems(self.root))


class Budgets(Sample):
    def test_leave_alone_what_keeps_them(self):
        self.write("relay/base/a.cc", "// x\n" * 499 + "x" * 100 + "\n")
        self.assertEqual(self.found(budgets), "")

    def test_flag_a_long_file_and_a_long_line(self):
        self.write("relay/base/a.cc", "\n" * 501)
        self.write("clients/python/a.py", "# " + "x" * 99 + "\n")
        self.assertIn("a.cc: 501 lines", self.found(budgets))
        self.assertIn("a.py:1: 101 characters", self.found(budgets))

    def test_flag_a_long_function_wherever_it_stands(self):
        for head in ("int f(int a,\n      int b) {", "void C::f() const noexcept {",
                     "C::C() : a_{1}, b_{2} {", "template <class T>\nT f(T t) {", "TEST(A, B) {"):
            body = head + "\n" + "  g();\n" * (70 - head.count("\n")) + "}\n"
            self.write("relay/base/a.cc", "namespace x {\nnamespace {\n" + body + "}\n}\n")
            self.assertIn("a.cc:3: a function of 72 lines", self.found(budgets), head)
        self.write("relay/base/a.cc",
                   "struct C {\n  int x = 1;\n  void f() {\n" + "g();\n" * 70 + "  }\n};\n")
        self.assertIn("a.cc:3: a function of 72 lines", self.found(budgets))

    def test_take_no_table_and_no_class_for_a_function(self):
        self.write("relay/base/a.cc", "constexpr int kTable[] = {\n" + "  1,\n" * 80 + "};\n"
                   "class C {\n" + "  int x;\n" * 80 + "};\n"
                   "enum class E {\n" + "  a,\n" * 80 + "};\n")
        self.assertEqual(self.found(budgets), "")

    def test_are_not_misled_by_braces_in_strings_and_comments(self):
        text = "void f() {\n  g(\"{\", '{', R\"({)\", 1'000);  // {\n  /* { */\n}\nvoid h() {\n}\n"
        self.assertEqual(tree.functions(text), [(1, 4), (5, 2)])


class Words(Sample):
    def test_leave_alone_what_is_fine(self):
        self.write("relay/base/clock.cc", "auto t = std::chrono::steady_clock::now();\n")
        self.write("relay/agent/a.cc", "std::thread t;\n// using namespace is for .cc files\n")
        self.write("relay/transport/a.h", "std::thread::id owner; // sleep_for is banned\n")
        self.write("relay/base/check.h", "#define XYLEM_CHECK(x) x\n")
        self.assertEqual(self.found(words), "")

    def test_flag_what_is_left_to_do(self):
        self.write("relay/base/a.cc", "// TODO\n")
        self.write("tests/base/a.py", "# FIXME\n")
        self.write("bench/a.cc", "// XXX\n")
        for word in ("TODO", "FIXME", "XXX"):
            self.assertIn(f"'{word}'", self.found(words))

    def test_flag_sleep(self):
        self.write("tests/base/a_test.cc", "\nstd::this_thread::sleep_for(1s);\n")
        self.write("tests/system/test_a.py", "time.sleep(1)\n")
        self.assertIn("a_test.cc:2: 'sleep_for'", self.found(words))
        self.assertIn("test_a.py:1: 'time.sleep'", self.found(words))

    def test_flag_using_namespace_in_a_header(self):
        self.write("tests/doubles/a.h", "using namespace std;\n")
        self.assertIn("a.h:1", self.found(words))

    def test_flag_junk_drawers(self):
        for name in ("relay/utils/a.h", "tests/base/test_helpers.py", "relay/base/impl.cc",
                     "relay/base/common.h"):
            self.write(name, "")
            self.assertIn(f"{name}: ", self.found(words))

    def test_flag_macros_threads_and_clocks_in_relay(self):
        self.write("relay/base/a.cc", "#define MAX 3\nstd::jthread t;\n"
                   "auto a = std::chrono::system_clock::now();\n")
        self.assertIn("a.cc:1: macro MAX", self.found(words))
        self.assertIn("a.cc:2: 'std::jthread'", self.found(words))
        self.assertIn("a.cc:3: 'system_clock::now'", self.found(words))


class Layers(Sample):
    def library(self, name, arguments):
        self.write(f"relay/{name}/CMakeLists.txt",
                   f"xylem_library({name} SOURCES a.cc {arguments})\n")

    def setUp(self):
        super().setUp()
        self.library("base", "EXTERNAL fmt::fmt")
        self.library("ring", "DEPENDS base\n  EXTERNAL Boost::headers")

    def test_leave_alone_what_is_declared(self):
        self.write("relay/ring/a.cc", '#include "relay/base/b.h"\n#include "relay/ring/c.h"\n'
                   "#include <boost/lockfree/spsc_queue.hpp>\n")
        self.write("tests/ring/CMakeLists.txt", "xylem_test(ring SOURCES a_test.cc)\n")
        self.write("tests/ring/a_test.cc", '#include "relay/base/b.h"\n')
        self.assertEqual(self.found(layers), "")

    def test_flag_an_include_that_is_not_declared(self):
        self.write("relay/base/a.cc", '\n#include "relay/ring/b.h"\n')
        self.assertIn("a.cc:2: includes relay/ring/b.h", self.found(layers))

    def test_flag_a_test_that_reaches_further_than_its_libraries(self):
        self.write("tests/base/CMakeLists.txt", "xylem_test(base SOURCES a_test.cc)\n")
        self.write("tests/base/a_test.cc", '#include "relay/ring/b.h"\n')
        self.assertIn("a_test.cc:1", self.found(layers))
        self.write("tests/base/CMakeLists.txt", "xylem_test(base SOURCES a_test.cc LINKS ring)\n")
        self.assertEqual(self.found(layers), "")

    def test_flag_a_cycle_and_an_unknown_library(self):
        self.library("base", "DEPENDS ring")
        self.library("codec", "DEPENDS nowhere")
        self.assertIn("relay/base/CMakeLists.txt: depends on itself", self.found(layers))
        self.assertIn("depends on nowhere", self.found(layers))

    def test_flag_a_library_from_outside_in_the_wrong_folder(self):
        for header in ("zmq.hpp", "flatbuffers/flatbuffers.h", "simdjson.h", "toml++/toml.h",
                       "nlohmann/json.hpp", "boost/beast/http.hpp", "CLI/CLI.hpp",
                       "schema/batch_generated.h"):
            self.write("relay/ring/a.cc", f"#include <{header}>\n")
            self.assertIn(f"includes {header}", self.found(layers))

    def test_flag_a_tree_without_libraries(self):
        shutil.rmtree(self.root / "relay")
        self.assertIn("no xylem_library", self.found(layers))


class Mirrored(Sample):
    def test_flag_a_unit_without_a_test_or_a_reason(self):
        self.write("relay/base/a.cc", "")
        self.assertIn("relay/base/a.cc: no tests/base/a_test.cc", self.found(mirrored))
        self.write("tests/tidy/untested.txt", "relay/base/a.cc: because\n")
        self.assertIn("needs a reason", self.found(mirrored))
        self.write("tests/tidy/untested.txt", "relay/base/a.cc: the system tests run it\n")
        self.assertEqual(self.found(mirrored), "")

    def test_flag_an_excuse_that_is_no_longer_one(self):
        self.write("relay/base/a.cc", "")
        self.write("tests/base/a_test.cc", "")
        self.write("tests/tidy/untested.txt", "relay/base/a.cc: the system tests run it\n"
                   "relay/base/gone.cc: the system tests run it\n")
        self.assertIn("has a test now", self.found(mirrored))
        self.assertIn("gone.cc is not there", self.found(mirrored))


class Formats(Sample):
    @unittest.skipUnless(shutil.which("clang-format"), "clang-format is not installed")
    def test_flag_what_clang_format_would_change(self):
        self.write(".clang-format", "BasedOnStyle: Google\n")
        self.write("relay/base/a.cc", "int  a ;\n")
        self.assertIn("a.cc:1", self.found(formats))
        self.write("relay/base/a.cc", "int a;\n")
        self.assertEqual(self.found(formats), "")


if __name__ == "__main__":
    unittest.main()
