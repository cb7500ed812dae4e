// Goal    what a relay has promised is kept, whatever becomes of networks, disks, clocks and
//         processes.
// Method  whole relays, sources and subscribers on one thread, over a network and disks of the
//         test's own, by seed. XYLEM_TEST_SEED=17 repeats a run; XYLEM_SIM_SEEDS=100000 makes more.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "relay/base/log.h"
#include "tests/simulation/world.h"

namespace xylem::simulation {
namespace {

constexpr std::uint64_t kShards = 8;
// Under a sanitizer a run takes fifty times as long, and what it looks for shows in few.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSeeds = 160;
#else
constexpr std::uint64_t kSeeds = 2'000;
#endif
constexpr std::uint64_t kRunsThatTell = 200;

std::uint64_t seed_at_hand = 0;

// A check that fails in relay/ aborts; the seed must be known even then.
extern "C" void say_seed(int) {
  char text[64] = "in the run of XYLEM_TEST_SEED=";
  char digits[24];
  std::size_t count = 0;
  for (std::uint64_t rest = seed_at_hand; count == 0 || rest != 0; rest /= 10) {
    digits[count++] = static_cast<char>('0' + rest % 10);
  }
  std::size_t at = std::strlen(text);
  while (count != 0) text[at++] = digits[--count];
  text[at++] = '\n';
  static_cast<void>(!::write(STDERR_FILENO, text, at));
}

bool one_run_is_repeated() { return std::getenv("XYLEM_TEST_SEED") != nullptr; }

std::uint64_t number_of_seeds() {
  const char* wanted = std::getenv("XYLEM_SIM_SEEDS");
  return wanted == nullptr ? kSeeds : std::strtoull(wanted, nullptr, 10);
}

class Simulation : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  Simulation() {
    set_log_level(one_run_is_repeated() ? LogLevel::info : LogLevel::error);
    std::signal(SIGABRT, say_seed);
  }
  ~Simulation() override {
    std::signal(SIGABRT, SIG_DFL);
    set_log_level(LogLevel::info);
  }
};

std::optional<std::string> run(const Plan& plan, std::uint64_t seed, Report& report,
                               std::string* story = nullptr) {
  seed_at_hand = seed;
  World world(plan, seed);
  auto violation = world.run();
  report = world.report();
  if (violation && story != nullptr) *story = world.story();
  return violation;
}

bool something_happened(const Report& run) {
  return run.oracle.promised != 0 && run.network.lost + run.relay.kills + run.relay.power_losses +
                                             run.disk.failed_writes + run.disk.failed_syncs !=
                                         0;
}

// Without these the runs would prove nothing.
void expect_that_everything_was_tried(const Report& all, std::uint64_t telling) {
  const std::pair<const char*, std::uint64_t> tried[] = {
      {"runs with promises and faults", telling * 2 / all.runs},
      {"lost with a connection", all.network.lost},
      {"messages dropped", all.network.dropped},
      {"messages doubled", all.network.doubled},
      {"messages swapped", all.network.swapped},
      {"connections reset", all.network.resets},
      {"partitions", all.partitions},
      {"messages held in a partition", all.network.held},
      {"kills", all.relay.kills},
      {"power losses", all.relay.power_losses},
      {"orderly stops", all.relay.stops},
      {"workers moved between relays", all.relay.moves},
      {"batches sent again upstream", all.relay.resent},
      {"batches sent again by producers", all.resent},
      {"duplicates known again", all.relay.duplicates},
      {"pipelines stalled", all.relay.stalls},
      {"torn files set aside", all.relay.set_aside},
      {"writes failed", all.disk.failed_writes},
      {"syncs failed", all.disk.failed_syncs},
      {"names failed", all.disk.failed_names},
      {"disk full", all.disk.full},
      {"sectors lost", all.disk.lost_sectors},
      {"sectors kept", all.disk.kept_sectors},
      {"bits flipped", all.disk.flipped_bits},
      {"clock jumps", all.clock_jumps},
      {"pauses", all.pauses},
      {"delivered again", all.oracle.again},
      {"excused by a loss of power", all.oracle.excused},
      {"named in gaps", all.oracle.in_gaps},
      {"admitted by a sidecar", all.oracle.admitted},
      {"overflow gaps", all.subscriber.overflow_gaps},
      {"retention gaps", all.subscriber.retention_gaps},
      {"batches of strangers", all.strangers.batches},
      {"messages of strangers", all.strangers.messages},
      {"strangers welcomed", all.strangers.welcomes},
      {"strangers refused", all.strangers.byes},
      {"events of strangers delivered", all.oracle.strange},
      {"two relays held to the event", all.exact_ledgers},
      {"too large for the relay upstream", all.relay.too_large},
      {"not sent upstream, too large", all.relay.dropped_for(DropReason::too_large)},
      {"refused upstream", all.relay.dropped_for(DropReason::refused)}};
  for (const auto& [what, count] : tried) EXPECT_GT(count, 0u) << "the premise: " << what;
}

TEST_P(Simulation, EveryPromiseIsKept) {
  const std::uint64_t seeds = number_of_seeds() / kShards;
  const bool tell = std::getenv("XYLEM_SIM_SEEDS") != nullptr && !one_run_is_repeated();
  Report all;
  std::uint64_t telling = 0;
  for (const std::uint64_t n : testing::seeds(seeds)) {
    const std::uint64_t seed = one_run_is_repeated() ? n : (n - 1) * kShards + GetParam();
    if (seed % kShards != GetParam() % kShards) continue;
    Report one;
    std::string story;
    const auto violation = run(Plan::of(seed), seed, one, &story);
    ASSERT_FALSE(violation) << *violation << "\n" << testing::named(seed) << "\n" << story;
    all += one;
    telling += something_happened(one);
    if (tell && n % std::max<std::uint64_t>(seeds / 20, 1) == 0) {
      fmt::print(stderr, "simulation {}: {} of {} runs\n", GetParam(), n, seeds);
    }
  }
  if (all.runs == 0) return;
  fmt::print("{}\n", all.describe());
  if (all.runs >= kRunsThatTell) expect_that_everything_was_tried(all, telling);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Simulation, ::testing::Range<std::uint64_t>(1, kShards + 1));

// The seed of the first run that a broken rule makes fail, or 0.
std::uint64_t first_that_fails(std::uint64_t seeds, const std::function<void(Plan&)>& break_a_rule,
                               std::string& violation) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Plan plan = Plan::of(seed);
    break_a_rule(plan);
    Report report;
    if (const auto found = run(plan, seed, report)) {
      violation = *found;
      return seed;
    }
  }
  return 0;
}

class Canary : public Simulation {};

TEST_F(Canary, ADiskThatLiesIsFoundOut) {
  std::string violation;
  const std::uint64_t seed = first_that_fails(
      200,
      [](Plan& plan) {
        plan.disks_lie = plan.power_losses = true;
        plan.flipped_bits = plan.small_quota = false;
      },
      violation);
  EXPECT_NE(seed, 0u);
  EXPECT_NE(violation, "");
}

TEST_F(Canary, AStreamThatLosesAndSwapsIsFoundOut) {
  std::string violation;
  EXPECT_NE(first_that_fails(
                50, [](Plan& plan) { plan.rough_streams = true; }, violation),
            0u);
}

TEST_F(Canary, OneSeedIsOneRun) {
  for (const std::uint64_t seed : {3, 14, 159, 265}) {
    Report first;
    Report second;
    EXPECT_EQ(run(Plan::of(seed), seed, first), run(Plan::of(seed), seed, second));
    EXPECT_EQ(first.describe(), second.describe()) << testing::named(seed);
  }
}

}  // namespace
}  // namespace xylem::simulation
