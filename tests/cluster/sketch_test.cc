#include "relay/cluster/sketch.h"

#include <gtest/gtest.h>

#include <cmath>

namespace xylem::cluster {
namespace {

TEST(Sketch, IsRightToAFewPercentFromMillisecondsToDays) {
  for (double seconds = 0.002; seconds < 100'000; seconds *= 1.7) {
    Sketch sketch;
    for (int i = 0; i < 10; ++i) sketch.add(seconds);
    EXPECT_NEAR(*sketch.percentile(0.5), seconds, seconds * 0.032);
  }
}

TEST(Sketch, PutsHalfBelowTheMedian) {
  Sketch sketch;
  for (int i = 1; i <= 1000; ++i) sketch.add(i);
  EXPECT_NEAR(*sketch.percentile(0.5), 500, 25);
  EXPECT_NEAR(*sketch.percentile(0.99), 990, 50);
}

TEST(Sketch, OfTwoIsTheSketchOfBoth) {
  Sketch one;
  Sketch other;
  Sketch both;
  for (int i = 0; i < 500; ++i) {
    (i % 3 == 0 ? one : other).add(i * 0.01);
    both.add(i * 0.01);
  }
  one.merge(other);
  EXPECT_EQ(one.count(), both.count());
  for (const double share : {0.1, 0.5, 0.95}) {
    EXPECT_EQ(one.percentile(share), both.percentile(share));
  }
}

TEST(Sketch, TakesAnything) {
  Sketch sketch;
  EXPECT_FALSE(sketch.percentile(0.5));
  sketch.add(-1);
  sketch.add(std::nan(""));
  EXPECT_EQ(sketch.count(), 0u);
  sketch.add(0);
  sketch.add(1e300);
  sketch.add(HUGE_VAL);
  EXPECT_EQ(sketch.count(), 3u);
}

}  // namespace
}  // namespace xylem::cluster
