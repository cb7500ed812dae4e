#include "relay/cli/progress.h"

#include <gtest/gtest.h>

namespace xylem::cli {
namespace {

TEST(BytesText, IsShortAndSaysTheUnit) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1000), "1.0 kB");
  EXPECT_EQ(bytes_text(1'449'999), "1.4 MB");
  EXPECT_EQ(bytes_text(999'960'000), "1.0 GB");
  EXPECT_EQ(bytes_text(UINT64_MAX), "18.4 EB");
}

}  // namespace
}  // namespace xylem::cli
