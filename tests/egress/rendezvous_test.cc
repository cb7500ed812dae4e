#include "relay/egress/rendezvous.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace xylem {
namespace {

const std::vector<std::string> kRelays{"tcp://10.0.0.1:7601", "tcp://10.0.0.2:7601",
                                       "tcp://10.0.0.3:7601"};

std::string host(int n) { return "celery@worker-" + std::to_string(n); }

// docs/protocol.md §8 has these, for who writes it in another language.
TEST(Rendezvous, WeighsAsThePageSays) {
  EXPECT_EQ(rendezvous_weight("celery@w1", "tcp://127.0.0.1:7601"), 4868342266708603126ULL);
  EXPECT_EQ(rendezvous_weight("", ""), 13331581593930102267ULL);
}

TEST(Rendezvous, SpreadsWorkersEvenly) {
  std::vector<int> counts(kRelays.size());
  for (int n = 0; n < 3000; ++n) ++counts[rendezvous(host(n), kRelays, {true, true, true})];
  for (const int count : counts) {
    EXPECT_GT(count, 850);
    EXPECT_LT(count, 1150);
  }
}

TEST(Rendezvous, MovesOnlyTheWorkersOfTheOneThatIsGone) {
  int moved = 0;
  for (int n = 0; n < 1000; ++n) {
    const std::size_t before = rendezvous(host(n), kRelays, {true, true, true});
    const std::size_t after = rendezvous(host(n), kRelays, {true, false, true});
    EXPECT_NE(after, 1u);
    if (before == 1) {
      ++moved;
    } else {
      EXPECT_EQ(after, before);
    }
  }
  EXPECT_GT(moved, 250);
}

TEST(Rendezvous, DoesNotDependOnTheOrderOfTheRelays) {
  const std::vector<std::string> turned{kRelays[2], kRelays[0], kRelays[1]};
  for (int n = 0; n < 100; ++n) {
    EXPECT_EQ(kRelays[rendezvous(host(n), kRelays, {true, true, true})],
              turned[rendezvous(host(n), turned, {true, true, true})]);
  }
}

}  // namespace
}  // namespace xylem
