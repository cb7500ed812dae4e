// Goal    no frame makes read_batch crash, read elsewhere, or hand on a batch that a stamp or a
//         reader further on would break.
// Method  a frame laid out by hand with one thing bent at a time, then bytes bent at random.

#include <gtest/gtest.h>

#include "relay/codec/batch_codec.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/chance.h"
#include "tests/doubles/forged_batch.h"

namespace xylem {
namespace {

using testing::Bytes;
using testing::ForgedBatch;
using testing::poke;

class HostileBatch : public ::testing::Test {
 protected:
  // The name of the refusal, or what the batch says.
  std::string read() {
    const testing::Exact exact(frame.bytes);
    const auto batch = read_batch(exact.span(), SourceLimits{});
    return batch ? testing::said(**batch) : std::string(name_of(batch.error()));
  }
  void expect_malformed(std::string_view what) { EXPECT_EQ(read(), "malformed_batch") << what; }

  ForgedBatch frame;
};

TEST_F(HostileBatch, IsReadAsLongAsNothingIsBent) { EXPECT_EQ(read(), "a=one b=three "); }

TEST_F(HostileBatch, IsRefusedUnderAnotherIdentifier) {
  poke(frame.bytes, 4, '?');
  EXPECT_EQ(read(), "wrong_identifier");
}

TEST_F(HostileBatch, IsRefusedInAnEncodingThatIsNotKnown) {
  poke<std::uint8_t>(frame.bytes, ForgedBatch::kEncoding, 1);
  expect_malformed("encoding");
}

TEST_F(HostileBatch, IsRefusedWithoutAStampField) {
  for (const auto slot :
       {ForgedBatch::epoch, ForgedBatch::first_sequence, ForgedBatch::received_us}) {
    frame = {};
    frame.field(slot, 0);
    expect_malformed("no stamp field");
  }
}

TEST_F(HostileBatch, IsRefusedWithoutARequiredField) {
  for (const auto slot : {ForgedBatch::keys, ForgedBatch::entries, ForgedBatch::bodies}) {
    frame = {};
    frame.field(slot, 0);
    expect_malformed("no vector");
  }
}

TEST_F(HostileBatch, IsReadWithoutTheEncodingThatIsTheDefault) {
  frame.field(ForgedBatch::encoding, 0);
  EXPECT_EQ(read(), "a=one b=three ");
}

TEST_F(HostileBatch, IsRefusedWhenAStampSharesTheByteThatSaysReplayed) {
  frame.field(ForgedBatch::replayed_field, ForgedBatch::kEncoding + 1);
  EXPECT_EQ(read(), "a=one b=three ");
  for (const std::size_t stamp :
       {ForgedBatch::kEpoch, ForgedBatch::kFirstSequence, ForgedBatch::kReceivedUs}) {
    frame.field(ForgedBatch::replayed_field, stamp + 7);
    expect_malformed("replayed");
  }
}

// The stamp is set in place after everything was checked: whatever shares its bytes would change.
TEST_F(HostileBatch, IsRefusedWhenAStampSharesBytesWithAnythingElse) {
  constexpr std::size_t kPlaces[] = {ForgedBatch::kFirstSequence,
                                     ForgedBatch::kReceivedUs,
                                     ForgedBatch::kEncoding,
                                     ForgedBatch::kEntriesAt,
                                     ForgedBatch::kKeys,
                                     ForgedBatch::kKeys + 8,
                                     ForgedBatch::kKeyA,
                                     ForgedBatch::kKeyB,
                                     ForgedBatch::kTable,
                                     ForgedBatch::kEntries + 4,
                                     ForgedBatch::kEntries + 4 + 40,
                                     ForgedBatch::kBodies,
                                     ForgedBatch::kBodies + 8};
  for (const std::size_t place : kPlaces) {
    frame = {};
    frame.field(ForgedBatch::epoch, place);
    expect_malformed("epoch at " + std::to_string(place));
  }
  frame = {};
  frame.field(ForgedBatch::received_us, ForgedBatch::kEpoch);
  expect_malformed("received_us at epoch");
}

// A string ends in a zero byte that readers insist on: a stamp over it would make a frame that was
// taken in here one that every subscriber refuses.
TEST_F(HostileBatch, IsRefusedWhenAStampWouldOverwriteTheEndOfAKey) {
  frame.text(ForgedBatch::kKeyA, "aaaa");  // its zero byte stands alone at kKeyA + 8
  EXPECT_EQ(read(), "aaaa=one b=three ");
  frame.field(ForgedBatch::epoch, ForgedBatch::kKeyA + 8);
  expect_malformed("epoch over a key's end");
}

TEST_F(HostileBatch, IsRefusedWhenAStampIsNotAligned) {
  for (std::size_t odd = 1; odd < 8; ++odd) {
    frame = {};
    frame.bytes.resize(ForgedBatch::kSize + 32);
    frame.field(ForgedBatch::epoch, ForgedBatch::kSize + odd);
    expect_malformed("epoch at an odd place");
  }
  frame.field(ForgedBatch::epoch, ForgedBatch::kSize);
  EXPECT_EQ(read(), "a=one b=three ") << "a place of its own behind the rest is fine";
}

TEST_F(HostileBatch, IsRefusedWhenItsEntriesAreNotAligned) {
  frame.bytes.resize(ForgedBatch::kSize + 64);
  const std::size_t at = ForgedBatch::kSize;  // the count here, the entries at a multiple of 4 only
  std::memcpy(frame.bytes.data() + at, frame.bytes.data() + ForgedBatch::kEntries, 4 + 48);
  frame.refer(ForgedBatch::kEntriesAt, at);
  expect_malformed("entries at 4 modulo 8");
}

TEST_F(HostileBatch, IsRefusedWhenABodyLiesOutside) {
  frame.entry(1, 3, 6, 1, 1);
  expect_malformed("one byte too long");
  frame.entry(1, 9, 0, 1, 1);
  expect_malformed("empty, behind the end");
  frame.entry(1, UINT32_MAX, 5, 1, 1);
  expect_malformed("an end that wraps around 32 bits");
  frame.entry(1, 8, 0, 1, 1);
  EXPECT_EQ(read(), "a=one b= ") << "empty, at the very end, is a body";
}

TEST_F(HostileBatch, IsRefusedWhenBodiesOverlapOrDescend) {
  frame.entry(1, 2, 5, 1, 1);
  expect_malformed("overlap");
  frame = {};
  frame.entry(0, 3, 5, 0, 0);
  frame.entry(1, 0, 3, 1, 1);
  expect_malformed("descending");
}

TEST_F(HostileBatch, IsRefusedWhenPositionsDoNotAscend) {
  frame.entry(0, 0, 3, 1, 0);
  expect_malformed("1, 1");
  frame.entry(0, 0, 3, 2, 0);
  expect_malformed("2, 1");
}

TEST_F(HostileBatch, IsRefusedWhenAKeyIsNotThere) {
  frame.entry(1, 3, 5, 1, 2);
  expect_malformed("key 2 of 2");
  frame.entry(1, 3, 5, 1, UINT16_MAX);
  expect_malformed("key 65535 of 2");
}

TEST_F(HostileBatch, IsRefusedWhenAVectorOrAStringEndsOutside) {
  for (const std::size_t count : {ForgedBatch::kKeys, ForgedBatch::kKeyA, ForgedBatch::kKeyB,
                                  ForgedBatch::kEntries, ForgedBatch::kBodies}) {
    for (const std::uint32_t size : {200u, 0x0AAAAAABu, 0x40000000u, 0x7FFFFFFFu, UINT32_MAX}) {
      frame = {};
      poke(frame.bytes, count, size);
      expect_malformed("count " + std::to_string(size) + " at " + std::to_string(count));
    }
  }
}

TEST_F(HostileBatch, IsRefusedWhenAReferenceLeadsOutside) {
  for (const std::size_t from : {std::size_t{0}, ForgedBatch::kKeysAt, ForgedBatch::kEntriesAt,
                                 ForgedBatch::kBodiesAt, ForgedBatch::kKeys + 4}) {
    for (const std::uint32_t by : {0u, 1u, 204u, 0x80000000u, UINT32_MAX}) {
      frame = {};
      poke(frame.bytes, from, by);
      expect_malformed("reference of " + std::to_string(by) + " at " + std::to_string(from));
    }
  }
}

void expect_no_harm(const Bytes& bytes) {
  const testing::Exact exact(bytes);
  auto batch = read_batch(exact.span(), SourceLimits{});
  if (!batch) return;
  // What was taken must survive its stamp: nothing but the stamp changes, and readers accept it.
  const std::string before = testing::said(**batch);
  (*batch)->stamp(Epoch{UINT64_MAX}, Sequence{UINT64_MAX / 3}, -1);
  ASSERT_EQ(testing::said(**batch), before);
  ASSERT_EQ((*batch)->epoch(), Epoch{UINT64_MAX});
  const auto again = read_batch((*batch)->frame(), SourceLimits{});
  ASSERT_TRUE(again) << name_of(again.error());
  ASSERT_EQ(testing::said(**again), before);
  const std::vector<bool> all((*batch)->keys().size(), true);
  ASSERT_EQ(testing::said(*gather(**batch, all)), before);
}

// Zero bytes behind the last body may be missing; before that every cut must be seen.
TEST_F(HostileBatch, IsRefusedWhereverItIsCutOff) {
  const auto written = testing::batch_of({{"task.sent", "{\"a\":1}"}, {"task.failed", "{}"}});
  const Bytes whole(written->frame().begin(), written->frame().end());
  for (const Bytes& bytes : {frame.bytes, whole}) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      expect_no_harm(cut);
      const bool padding_only = bytes.size() - size < 8;
      EXPECT_TRUE(padding_only || !read_batch(cut, SourceLimits{})) << "cut to " << size;
    }
  }
}

TEST_F(HostileBatch, DoesNoHarmWithAnySingleByteChanged) {
  for (std::size_t at = 0; at < frame.bytes.size(); ++at) {
    for (const int value : {0x00, 0x01, 0x04, 0x08, 0x7F, 0x80, 0xFF}) {
      Bytes bent = frame.bytes;
      bent[at] = static_cast<std::byte>(value);
      ASSERT_NO_FATAL_FAILURE(expect_no_harm(bent)) << value << " at " << at;
    }
  }
}

TEST_F(HostileBatch, DoesNoHarmWithManyBitsFlipped) {
  const auto written =
      testing::batch_of({{"task.sent", "{\"a\":1}"}, {"task.failed", "{}"}, {"task.sent", ""}});
  const Bytes whole(written->frame().begin(), written->frame().end());
  for (const std::uint64_t seed : testing::seeds(20)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    int taken = 0;
    for (int round = 0; round < 2000; ++round) {
      Bytes bent = chance.one_in(2) ? whole : frame.bytes;
      for (std::size_t flips = chance.between(1, 4); flips > 0; --flips) {
        bent[chance.below(bent.size())] ^= static_cast<std::byte>(1u << chance.below(8));
      }
      ASSERT_NO_FATAL_FAILURE(expect_no_harm(bent));
      taken += read_batch(bent, SourceLimits{}).has_value();
    }
    EXPECT_GT(taken, 0) << "the premise of this run: some frames were still taken";
    EXPECT_LT(taken, 2000);
  }
}

}  // namespace
}  // namespace xylem
