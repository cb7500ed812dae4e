#include "relay/metrics/metric_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace xylem {
namespace {

TEST(MetricTable, HasARowForEveryMetricAtItsPlace) {
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    EXPECT_EQ(&info_of(static_cast<Metric>(i)), &metric_table()[i]);
    EXPECT_EQ(static_cast<std::size_t>(metric_table()[i].metric), i);
  }
}

TEST(MetricTable, NamesEachMetricOnceAsPrometheusWantsIt) {
  std::set<std::string_view> names;
  for (const MetricInfo& info : metric_table()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name << " twice";
    EXPECT_TRUE(info.name.starts_with("xylem_")) << info.name;
    EXPECT_TRUE(std::all_of(info.name.begin(), info.name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || c == '_';
    })) << info.name;
    EXPECT_EQ(info.name.ends_with("_total"), info.type == MetricType::counter) << info.name;
  }
}

TEST(MetricTable, ExplainsEachInASentence) {
  for (const MetricInfo& info : metric_table()) {
    EXPECT_GT(info.help.size(), 10u) << info.name;
    EXPECT_TRUE(info.help.ends_with('.')) << info.name;
    EXPECT_EQ(info.help.find_first_of("\n\\"), std::string_view::npos)
        << info.name << ": HELP lines are written without escapes";
  }
}

}  // namespace
}  // namespace xylem
