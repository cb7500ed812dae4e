#include "relay/amqp/known_workers.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

std::string names(KnownWorkers& known) {
  std::string all;
  for (const KnownWorkers::Worker& worker : known) all += worker.hostname + " ";
  return all;
}

TEST(KnownWorkers, ForgetsWhoWasHeardOfLongestAgoBeyondItsNumber) {
  KnownWorkers known({.workers_max = 3});
  for (const char* name : {"a", "b", "c"}) known.hear(name, "k", "{}", {});
  known.of("a").sent_at = Instant{};
  known.hear("d", "k", "{}", {});
  EXPECT_EQ(names(known), "c a d ");
  EXPECT_TRUE(known.of("a").sent_at);
  EXPECT_EQ(known.forgotten(), 1u);
  known.forget("c");
  known.forget("nobody");
  EXPECT_EQ(names(known), "d a ");
}

TEST(KnownWorkers, KeepsToItsBytesWhateverTheirNamesAndBodiesAre) {
  KnownWorkers known({.workers_max = 1000, .bytes_max = 100'000});
  for (int n = 0; n < 500; ++n) {
    known.hear(std::to_string(n) + std::string(5000, 'n'), "k", std::string(5000, 'b'), {});
    EXPECT_LE(known.bytes(), 100'000u);
  }
  EXPECT_EQ(known.forgotten(), 491u);
  known.hear("last", "k", "{}", {});
  known.hear("last", "k", std::string(99'000, 'b'), {});
  EXPECT_EQ(names(known), "last ") << "also when one that is known grows";
  known.hear("larger", "k", std::string(200'000, 'b'), {});
  EXPECT_EQ(names(known), "larger ") << "one alone is kept";
  known.forget("larger");
  EXPECT_EQ(known.bytes(), 0u);
}

}  // namespace
}  // namespace xylem
