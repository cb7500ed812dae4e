// Goal    series are bounded, what has no room is counted, and every text is one that Prometheus
//         takes.
// Method  families by hand.

#include "relay/cluster/metric_family.h"

#include <gtest/gtest.h>

#include <array>

namespace xylem::cluster {
namespace {

using Type = MetricFamily::Type;
constexpr std::array<std::string_view, 2> kLabels{"a", "b"};
constexpr std::array kBounds{0.5, 1.0};

class Families : public ::testing::Test {
 protected:
  static std::string text(const MetricFamily& family) {
    std::string text;
    family.append_series(text, 0, family.sets().end());
    return text;
  }
  SeriesBudget budget_{8};
  LabelSets sets_{kLabels, 100, 1};
  MetricFamily counter_{{"c_total", Type::counter, "Help."}, sets_, budget_};
  MetricFamily histogram_{{"h", Type::histogram, "Help.", kBounds}, sets_, budget_};
};

TEST_F(Families, HaveASeriesForEachLabelSet) {
  counter_.add(sets_.of({"x", "y"}), 1);
  counter_.add(sets_.of({"x", "y"}), 2);
  counter_.add(sets_.of({"xy", ""}), 0.5);
  EXPECT_EQ(text(counter_), "c_total{a=\"x\",b=\"y\"} 3\nc_total{a=\"xy\",b=\"\"} 0.5\n");
  EXPECT_EQ(budget_.series, 2u);
}

TEST_F(Families, HistogramsHaveBucketsCountAndSum) {
  const LabelSets::Number set = sets_.of({"x", "y"});
  for (const double value : {0.25, 0.5, 0.75, 2.0}) histogram_.observe(set, value);
  EXPECT_EQ(text(histogram_),
            "h_bucket{a=\"x\",b=\"y\",le=\"0.5\"} 2\n"
            "h_bucket{a=\"x\",b=\"y\",le=\"1.0\"} 3\n"
            "h_bucket{a=\"x\",b=\"y\",le=\"+Inf\"} 4\n"
            "h_count{a=\"x\",b=\"y\"} 4\n"
            "h_sum{a=\"x\",b=\"y\"} 3.5\n");
  EXPECT_EQ(budget_.series, 5u);
}

TEST_F(Families, FoldWhatHasNoRoom) {
  histogram_.observe(sets_.of({"1", ""}), 1);
  histogram_.observe(sets_.of({"2", ""}), 1);  // ten would be more than eight
  for (int i = 0; i < 5; ++i) counter_.add(sets_.of({std::to_string(i), ""}), 1);
  counter_.show(sets_.of({"unseen", ""}));
  EXPECT_EQ(budget_.series, 8u);
  EXPECT_EQ(budget_.folded, 3u);
  const std::string counts = text(counter_);
  EXPECT_NE(counts.find("c_total{a=\"(other)\",b=\"(other)\"} 2\n"), std::string::npos) << counts;
  EXPECT_EQ(counts.find("unseen"), std::string::npos);
  histogram_.remove(sets_.of({"1", ""}));
  EXPECT_EQ(budget_.series, 3u);
  counter_.add(sets_.of({"4", ""}), 1);
  EXPECT_NE(text(counter_).find("c_total{a=\"4\",b=\"\"} 1\n"), std::string::npos);
}

TEST_F(Families, AskForNoMoreLabelSetsThanThereMayBe) {
  LabelSets few(kLabels, 2, 1);
  EXPECT_NE(few.of({"1", ""}), LabelSets::kOther);
  const LabelSets::Number second = few.of({"2", ""});
  EXPECT_EQ(few.of({"3", ""}), LabelSets::kOther);
  few.remove(second);
  EXPECT_EQ(few.text(second), "");
  EXPECT_EQ(few.of({"3", ""}), second);
  EXPECT_EQ(few.of({"2", ""}), LabelSets::kOther);
  EXPECT_TRUE(few.is(second, 0, "3"));
}

TEST_F(Families, EscapeAndCutValues) {
  counter_.add(sets_.of({"q\"\\\n", std::string(300, 'x')}), 1);
  counter_.add(sets_.of({"\xFF", std::string(255, 'x') + "\xC3\xA9"}), 1);
  EXPECT_EQ(text(counter_), "c_total{a=\"q\\\"\\\\\\n\",b=\"" + std::string(256, 'x') + "\"} 1\n" +
                                "c_total{a=\"(not UTF-8)\",b=\"" + std::string(255, 'x') +
                                "\"} 1\n");
}

TEST_F(Families, ShowInParts) {
  for (int i = 0; i < 5; ++i) counter_.add(sets_.of({std::to_string(i), ""}), 1);
  std::string parts;
  for (LabelSets::Number first = 0; first < 6; first += 2) {
    counter_.append_series(parts, first, first + 2);
  }
  EXPECT_EQ(parts, text(counter_));
}

}  // namespace
}  // namespace xylem::cluster
