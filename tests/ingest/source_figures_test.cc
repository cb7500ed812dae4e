#include "relay/ingest/source_figures.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

TEST(SourceFigures, AreShownWithEveryRefusalUnderItsReason) {
  SourceFigures figures{.messages = 1, .bytes = 2, .accepted_events = 3, .refused = {}};
  figures.refuse(Refusal::too_deep);
  figures.refuse(Refusal::too_deep, 40);
  Samples samples;
  figures.sample("push", samples);
  EXPECT_EQ(samples.size(), 4 + kRefusalCount);
  double refused = 0;
  for (const Sample& sample : samples) {
    EXPECT_EQ(sample.labels.at(0).second, "push");
    if (sample.metric != Metric::source_refused) continue;
    refused += sample.value;
    EXPECT_EQ(sample.value, sample.labels.at(1).second == "too_deep" ? 2 : 0);
  }
  EXPECT_EQ(refused, 2);
  EXPECT_EQ(samples[3].metric, Metric::source_refused_events);
  EXPECT_EQ(samples[3].value, 40);
  EXPECT_EQ(samples[1].metric, Metric::source_bytes);
  EXPECT_EQ(samples[1].value, 2);
}

}  // namespace
}  // namespace xylem
