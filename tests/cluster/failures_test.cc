#include "relay/cluster/failures.h"

#include <gtest/gtest.h>

namespace xylem::cluster {
namespace {

TEST(Failures, KnowsTheTypeOfPythonsRepr) {
  EXPECT_EQ(exception_type("ValueError('x')"), "ValueError");
  EXPECT_EQ(exception_type("billiard.exceptions.WorkerLostError('x',)"),
            "billiard.exceptions.WorkerLostError");
  EXPECT_EQ(exception_type("<no repr>"), "(unknown)");
  EXPECT_EQ(exception_type(""), "(unknown)");
}

TEST(Failures, KnowsWhereATracebackEnds) {
  EXPECT_EQ(place_of("Traceback (most recent call last):\n"
                     "  File \"/a/trace.py\", line 451, in trace_task\n    R = f()\n"
                     "  File \"/b/tasks.py\", line 12, in add\n    raise ValueError\n"),
            "/b/tasks.py:12 add");
  EXPECT_EQ(place_of("  File \"x.py\", line 3"), "x.py:3");
  EXPECT_EQ(place_of("File \"cut"), "");
  EXPECT_EQ(place_of("nothing"), "");
}

TEST(Failures, AreBoundedInNumber) {
  Failures failures(3);
  for (int i = 0; i < 10; ++i) {
    failures.add({"E" + std::to_string(i) + "()", "", "a", "t", 100, false});
  }
  EXPECT_EQ(failures.groups().size(), 3u);
  EXPECT_EQ(failures.groups().begin()->second.failed, 8u);
  EXPECT_EQ(failures.groups().begin()->first.exception, "(other)");
}

}  // namespace
}  // namespace xylem::cluster
