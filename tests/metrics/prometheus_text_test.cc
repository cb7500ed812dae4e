#include "relay/metrics/prometheus_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace xylem {
namespace {

// The sample lines alone.
std::string values_of(const Samples& samples) {
  std::string lines;
  std::string text = prometheus_text(samples);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    if (text[at] != '#') lines += text.substr(at, end + 1 - at);
    at = end + 1;
  }
  return lines;
}

TEST(PrometheusText, IsEmptyWithoutSamples) { EXPECT_EQ(prometheus_text({}), ""); }

TEST(PrometheusText, HeadsEachMetricOnceAndKeepsTheTablesOrder) {
  const Samples samples{{Metric::source_accepted, 7, {{"source", "push"}}},
                        {Metric::uptime, 1.5, {}},
                        {Metric::source_accepted, 8, {{"source", "acked"}}}};
  EXPECT_EQ(prometheus_text(samples),
            "# HELP xylem_uptime_seconds Seconds since this epoch began.\n"
            "# TYPE xylem_uptime_seconds gauge\n"
            "xylem_uptime_seconds 1.500000\n"
            "# HELP xylem_source_accepted_events_total Events that a source took in.\n"
            "# TYPE xylem_source_accepted_events_total counter\n"
            "xylem_source_accepted_events_total{source=\"push\"} 7\n"
            "xylem_source_accepted_events_total{source=\"acked\"} 8\n");
}

TEST(PrometheusText, EscapesLabelValues) {
  EXPECT_EQ(values_of({{Metric::ring_batches, 1, {{"ring", "a\"b\\c\nd"}}}}),
            "xylem_ring_batches{ring=\"a\\\"b\\\\c\\nd\"} 1\n");
}

TEST(PrometheusText, SeparatesLabelsByCommas) {
  EXPECT_EQ(values_of({{Metric::tap_held, 2, {{"sink", "stream"}, {"tap", "dump"}}}}),
            "xylem_tap_held_events{sink=\"stream\",tap=\"dump\"} 2\n");
}

TEST(PrometheusText, WritesCountsExactly) {
  EXPECT_EQ(values_of({{Metric::pipeline_events, 9007199254740991.0, {}}}),
            "xylem_pipeline_events_total 9007199254740991\n");
  EXPECT_EQ(values_of({{Metric::tap_lag, -0.25, {}}}), "xylem_tap_lag_seconds -0.250000\n");
}

// Whatever a caller computed, /metrics must stay readable as a whole.
TEST(PrometheusText, WritesWhatIsNoWholeNumberAsPrometheusReadsIt) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(values_of({{Metric::tap_lag, kInfinity, {}}}), "xylem_tap_lag_seconds +Inf\n");
  EXPECT_EQ(values_of({{Metric::tap_lag, -kInfinity, {}}}), "xylem_tap_lag_seconds -Inf\n");
  EXPECT_EQ(values_of({{Metric::tap_lag, std::numeric_limits<double>::quiet_NaN(), {}}}),
            "xylem_tap_lag_seconds NaN\n");
  EXPECT_EQ(values_of({{Metric::pipeline_events, 0x1p64, {}}}),
            "xylem_pipeline_events_total 18446744073709551616.000000\n");
}

}  // namespace
}  // namespace xylem
