#include "relay/zmtp/output.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/doubles/chance.h"
#include "tests/zmtp/wire.h"

namespace xylem::zmtp {
namespace {

using testing::octets_of;
using testing::text_of;
using testing::wire;

// Writes up to `most` octets, as a socket would.
std::string take(Output& output, std::size_t most) {
  std::array<std::span<const std::byte>, 4> pieces;
  std::string taken;
  const std::size_t count = output.pieces(pieces);
  for (std::size_t i = 0; i < count; ++i) taken += text_of(pieces[i]);
  taken.resize(std::min(taken.size(), most));
  output.drop(taken.size());
  return taken;
}

TEST(Output, CopiesSmallFramesBehindOneAnother) {
  Output output;
  output.put_frame(octets_of("k"), true);
  output.put_frame(octets_of("v"), false);
  std::array<std::span<const std::byte>, 4> pieces;
  EXPECT_EQ(output.pieces(pieces), 1u);
  EXPECT_EQ(text_of(pieces[0]), wire("01 01 \"k\" 00 01 \"v\""));
  EXPECT_EQ(output.bytes(), 6u);
}

TEST(Output, LeavesALargeFrameWhereItLiesUntilItIsWritten) {
  Output output;
  auto owner = std::make_shared<const std::string>(100'000, 'x');
  output.put_frame(octets_of(*owner), false, owner);
  EXPECT_EQ(owner.use_count(), 2);
  EXPECT_EQ(take(output, 9), wire("02 00 00 00 00 00 01 86 A0"));
  std::array<std::span<const std::byte>, 4> pieces;
  EXPECT_EQ(output.pieces(pieces), 1u);
  EXPECT_EQ(static_cast<const void*>(pieces[0].data()), owner->data());
  output.drop(99'999);
  EXPECT_EQ(owner.use_count(), 2);
  output.drop(1);
  EXPECT_EQ(owner.use_count(), 1);
  EXPECT_TRUE(output.empty());
}

TEST(Output, GivesTheSameOctetsHoweverTheyAreTaken) {
  for (const std::uint64_t seed : testing::seeds(100)) {
    SCOPED_TRACE(testing::named(seed));
    testing::Chance chance(seed);
    Output output;
    std::string expected, taken;
    for (int step = 0; step < 200; ++step) {
      const std::string body(chance.one_in(10) ? chance.below(100'000) : chance.below(300),
                             static_cast<char>('a' + step % 26));
      Output frame;
      switch (chance.below(4)) {
        case 0: {
          auto owner = std::make_shared<const std::string>(body);
          output.put_frame(octets_of(*owner), true, owner);
          frame.put_frame(octets_of(body), true);
          while (!frame.empty()) expected += take(frame, body.size() + 9);
          break;
        }
        case 1:
          output.put_frame(octets_of(body), false);
          frame.put_frame(octets_of(body), false);
          while (!frame.empty()) expected += take(frame, body.size() + 9);
          break;
        case 2:
          output.put(body);
          expected += body;
          break;
        default: output.put(std::make_shared<const std::string>(body)); expected += body;
      }
      if (chance.one_in(2)) taken += take(output, chance.below(5000));
      ASSERT_EQ(output.bytes(), expected.size() - taken.size());
    }
    while (!output.empty()) taken += take(output, 70'000);
    EXPECT_EQ(taken, expected);
  }
}

}  // namespace
}  // namespace xylem::zmtp
