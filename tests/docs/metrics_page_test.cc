#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "relay/metrics/metric_table.h"
#include "tests/doubles/places.h"

namespace xylem {
namespace {

// With XYLEM_WRITE_DOCS set the page is written instead of compared.
TEST(MetricsPage, SaysWhatTheTableSays) {
  const std::string path = docs_folder() + "/metrics.md";
  if (std::getenv("XYLEM_WRITE_DOCS") != nullptr) std::ofstream(path) << documented_metrics();
  std::ifstream page(path);
  std::stringstream text;
  text << page.rdbuf();
  EXPECT_EQ(text.str(), documented_metrics()) << "run this test with XYLEM_WRITE_DOCS=1";
}

}  // namespace
}  // namespace xylem
