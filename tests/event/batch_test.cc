#include "relay/event/batch.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "tests/doubles/batches.h"

namespace xylem {
namespace {

using testing::batch_of;
using testing::stamped;

TEST(Slab, IsAlignedAndReadableBehindItsEnd) {
  for (const std::size_t bytes : {0u, 1u, 15u, 16u, 17u, 4096u}) {
    const Slab slab(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(slab.begin()) % 16, 0u);
    EXPECT_EQ(slab.size(), bytes);
    std::memset(slab.begin(), 0, bytes + Slab::kSlack);
  }
}

TEST(Slab, LeavesNothingBehindWhenMovedFrom) {
  Slab slab(8);
  const std::byte* begin = slab.begin();
  const Slab taken = std::move(slab);
  EXPECT_EQ(taken.begin(), begin);
}

TEST(Batch, TakesMoreMemoryThanItsFrame) {
  const auto one = batch_of({{"a", "1"}});
  EXPECT_GT(one->footprint(), one->frame().size() + sizeof(Batch));
  const auto many = batch_of("a", 1000, 100);
  EXPECT_GT(many->footprint(), many->frame().size());
  EXPECT_LT(many->footprint(), many->frame().size() + 1000);
}

TEST(Batch, CarriesItsStampAndCountsSequencesFromIt) {
  const auto batch = batch_of({{"a", "1"}, {"b", "2"}, {"a", "3"}});
  batch->stamp(Epoch{9}, Sequence{100}, 555);
  EXPECT_EQ(batch->epoch(), Epoch{9});
  EXPECT_EQ(batch->first_sequence(), Sequence{100});
  EXPECT_EQ(batch->received_us(), 555);
  EXPECT_EQ(testing::sequences(*batch), (std::vector<std::uint64_t>{100, 101, 102}));
}

TEST(Batch, CanBeStampedAnewWhileItHasOneOwner) {
  const auto batch = batch_of("a", 1);
  batch->stamp(Epoch{1}, Sequence{1}, 1);
  batch->stamp(Epoch{UINT64_MAX}, Sequence{UINT64_MAX - 1}, INT64_MAX);
  EXPECT_EQ(batch->epoch(), Epoch{UINT64_MAX});
  EXPECT_EQ(batch->first_sequence(), Sequence{UINT64_MAX - 1});
  EXPECT_EQ(batch->received_us(), INT64_MAX);
}

TEST(BatchRef, IsEmptyUntilGivenABatch) {
  const BatchRef nothing;
  EXPECT_FALSE(nothing);
  const BatchRef something = stamped(batch_of("a", 1), 1);
  EXPECT_TRUE(something);
}

TEST(BatchRef, KeepsTheBatchUntilTheLastOneIsGone) {
  BatchRef first = stamped(batch_of({{"a", "body"}}), 1);
  BatchRef second = first;
  first = {};
  EXPECT_FALSE(first);
  EXPECT_EQ(second->bodies(), "body");
  const BatchRef third = std::move(second);
  EXPECT_EQ(third->bodies(), "body");
}

TEST(BatchRef, SurvivesAssignmentToItself) {
  BatchRef ref = stamped(batch_of({{"a", "body"}}), 1);
  const BatchRef& same = ref;
  ref = same;
  EXPECT_EQ(ref->bodies(), "body");
}

TEST(BatchRef, TravelsAsAPlainPointerThroughARing) {
  BatchRef here = stamped(batch_of({{"a", "body"}}), 1);
  const Batch* in_the_ring = here.release();
  EXPECT_FALSE(here);
  const BatchRef there = BatchRef::adopt(in_the_ring);
  EXPECT_EQ(there->bodies(), "body");
}

// That the batch is freed once, and after its last reader, is for the sanitizers to say.
TEST(BatchRef, IsSharedByThreadsThatDropItInAnyOrder) {
  for (int round = 0; round < 100; ++round) {
    BatchRef ref = stamped(batch_of({{"a", "body"}}), 1);
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
      readers.emplace_back([mine = ref] { EXPECT_EQ(mine->body_of(mine->entries()[0]), "body"); });
    }
    ref = {};
    for (std::thread& reader : readers) reader.join();
  }
}

}  // namespace
}  // namespace xylem
