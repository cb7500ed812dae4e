#include "relay/http/connection_stages.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

using namespace std::chrono_literals;
using Stages = ConnectionStages;

constexpr Instant kStart{1000s};

class ConnectionStagesTest : public ::testing::Test {
 protected:
  // In the stage since `at`.
  void put(Stages::Member& member, Stages::Stage stage, Duration at) {
    stages.admit(member, kStart + at);
    if (stage != Stages::idle) stages.enter(member, stage, kStart + at);
  }
  Stages stages{{75s, 5s, 10s, 60s, 1s}};
  Stages::Member first, second, third, fourth;
};

TEST_F(ConnectionStagesTest, HaveNobodyToLetGoOfAtFirst) {
  EXPECT_EQ(stages.deadline(), std::nullopt);
  EXPECT_EQ(stages.overdue(kStart + 1000s), nullptr);
  EXPECT_EQ(stages.makes_room(), nullptr);
  EXPECT_EQ(stages.oldest(Stages::idle), nullptr);
}

TEST_F(ConnectionStagesTest, HaveAPatienceEach) {
  put(first, Stages::idle, 0s);
  EXPECT_EQ(stages.deadline(), kStart + 75s);
  put(second, Stages::asking, 1s);
  EXPECT_EQ(stages.deadline(), kStart + 6s);
  EXPECT_EQ(stages.overdue(kStart + 5999ms), nullptr);
  EXPECT_EQ(stages.overdue(kStart + 6s), &second);
  stages.enter(second, Stages::answering, kStart + 6s);
  EXPECT_EQ(stages.deadline(), kStart + 16s);
  stages.enter(second, Stages::watching, kStart + 7s);
  EXPECT_EQ(stages.deadline(), kStart + 67s);
  stages.enter(second, Stages::leaving, kStart + 7s);
  EXPECT_EQ(stages.deadline(), kStart + 8s);
  stages.enter(second, Stages::idle, kStart + 8s);
  EXPECT_EQ(stages.deadline(), kStart + 75s);
  EXPECT_EQ(stages.overdue(kStart + 83s), &first);
  stages.remove(first);
  EXPECT_EQ(stages.overdue(kStart + 83s), &second);
}

TEST_F(ConnectionStagesTest, PatienceBeginsAnewWithTheStage) {
  put(first, Stages::idle, 0s);
  put(second, Stages::idle, 1s);
  stages.enter(first, Stages::asking, kStart + 2s);
  stages.enter(first, Stages::idle, kStart + 3s);
  EXPECT_EQ(stages.oldest(Stages::idle), &second);
  EXPECT_EQ(stages.deadline(), kStart + 76s);
}

TEST_F(ConnectionStagesTest, TheOldestOfTheFullestMakesRoom) {
  put(first, Stages::asking, 0s);
  put(second, Stages::idle, 1s);
  put(third, Stages::idle, 2s);
  EXPECT_EQ(stages.makes_room(), &second);
  stages.remove(second);
  EXPECT_EQ(stages.makes_room(), &third) << "of stages that are as full, first the idle one";
  put(fourth, Stages::asking, 3s);
  EXPECT_EQ(stages.makes_room(), &first);
}

TEST_F(ConnectionStagesTest, ThoseWhoFillAStagePushOutEachOther) {
  put(first, Stages::answering, 0s);
  put(second, Stages::answering, 1s);
  put(third, Stages::answering, 2s);
  put(fourth, Stages::idle, 3s);
  EXPECT_EQ(stages.makes_room(), &first) << "and not the one that has just come";
}

TEST_F(ConnectionStagesTest, WhoLeavesAnywayMakesRoomFirst) {
  put(first, Stages::idle, 0s);
  put(second, Stages::idle, 0s);
  put(third, Stages::leaving, 1s);
  EXPECT_EQ(stages.makes_room(), &third);
  EXPECT_EQ(stages.size(), 3u);
}

}  // namespace
}  // namespace xylem
