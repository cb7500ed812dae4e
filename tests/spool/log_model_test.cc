// Goal    row S2: what was said to be synced survives a loss of power, what was said to be written
//         survives a kill, and what is read is never anything else: each event once, in order, as
//         it was, with holes only where something was lost.
// Method  random appends, syncs, kills, losses of power and failing calls, over a disk that loses
//         and tears what was not synced, sector by sector; against a list of all that was written.

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "relay/base/log.h"
#include "relay/spool/log_writer.h"
#include "relay/spool/spool.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/chance.h"
#include "tests/doubles/simulated_disk.h"

namespace xylem {
namespace {

using testing::SimulatedDisk;

// Under a sanitizer a run takes fifty times as long, and what it looks for shows in few.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kSeeds = 10;
#else
constexpr std::size_t kSeeds = 300;
#endif
constexpr std::size_t kSeedsThatTell = 300;
constexpr std::size_t kShards = 5;

// Of one shard; ./dev sim asks for more.
std::size_t number_of_seeds() {
  const char* wanted = std::getenv("XYLEM_SIM_SEEDS");
  return wanted == nullptr ? kSeeds : std::strtoull(wanted, nullptr, 10) / kShards;
}

class ModelRun {
 public:
  explicit ModelRun(std::uint64_t seed) : chance_(seed), disk_(seed) {
    options_.segment_bytes = 512 * chance_.between(2, 20);
    options_.bytes_max = 1 << 30;
  }

  void run() {
    open();
    for (int step = 0; step < 120 && !::testing::Test::HasFailure(); ++step) {
      const std::size_t what = chance_.below(100);
      if (what < 70) {
        append();
      } else if (what < 88) {
        sync();
      } else if (what < 94) {
        kill();
      } else {
        lose_power();
      }
    }
    kill();
    EXPECT_GT(written_.size(), 0u);
  }
  [[nodiscard]] const SimulatedDisk::Counts& counts() const { return disk_.counts(); }
  std::uint64_t lost_records = 0;
  std::uint64_t failed_opens = 0;

 private:
  using Place = std::pair<std::uint64_t, std::uint64_t>;  // epoch, sequence

  void open() {
    disk_.faults() = {};
    spool_ = Spool::open(disk_.mount(), options_).value();
    epoch_ = std::max(epoch_, spool_->recovered().newest_epoch.value) + 1;
    next_ = 1;
    refused_ = {};
    writer_.emplace(options_, spool_->disk(), spool_->catalog(), spool_->recovered(), newest_);
    compare();
    unsynced_.clear();  // a relay that starts has on its disk what it found
    disk_.faults().write_one_in = chance_.one_in(3) ? 12 : 0;
    disk_.faults().sync_one_in = chance_.one_in(3) ? 6 : 0;
  }
  void append() {
    if (!refused_) {
      const std::size_t events = chance_.between(1, 8);
      const std::string body(chance_.below(400), static_cast<char>('a' + chance_.below(26)));
      auto batch = testing::batch_of(std::vector<testing::Said>(events, {"task.sent", body}));
      batch->stamp({epoch_}, {next_}, 0);
      refused_ = BatchRef(std::move(batch));
    }
    // What could not be written is offered again; it may be there all the same, if no more comes.
    const Place place{epoch_, next_};
    written_[place] = testing::said(*refused_);
    maybe_.insert(place);
    if (writer_->append({&refused_, 1}, 0) != LogWriter::Outcome::written) return;
    maybe_.erase(place);
    unsynced_.push_back(place);
    next_ += refused_->size();
    refused_ = {};
  }
  void sync() {
    if (writer_->sync()) unsynced_.clear();
  }
  void close() {
    const auto reader = spool_->reader();
    reader->seek({}, {});
    while (const auto entry = reader->next()) newest_ = std::max(newest_, entry->number);
    writer_.reset();
    spool_.reset();
  }
  void kill() {
    close();
    open();
  }
  void lose_power() {
    close();
    disk_.lose_power();
    // What was not synced may be there or not; the next comparison finds out which.
    maybe_.insert(unsynced_.begin(), unsynced_.end());
    unsynced_.clear();
    open();
  }
  // Everything that must be there is, and nothing else.
  void compare() {
    const auto reader = spool_->reader();
    reader->seek({}, {});
    std::map<Place, std::string> found;
    Place last{0, 0};
    while (const BatchRef batch = reader->read()) {
      const Place place{batch->epoch().value, batch->first_sequence().value};
      ASSERT_GT(place, last) << "in order, and once";
      last = place;
      found[place] = testing::said(*batch);
    }
    for (const auto& [place, said] : found) {
      const auto known = written_.find(place);
      ASSERT_TRUE(known != written_.end()) << "never written";
      ASSERT_EQ(said, known->second);
    }
    for (auto at = written_.begin(); at != written_.end();) {
      if (found.contains(at->first)) {
        ++at;
        continue;
      }
      ASSERT_TRUE(maybe_.contains(at->first))
          << "epoch " << at->first.first << " sequence " << at->first.second << " is lost";
      ++lost_records;
      at = written_.erase(at);
    }
    maybe_.clear();
  }

  testing::Chance chance_;
  SimulatedDisk disk_;
  LogWriter::Options options_;
  std::unique_ptr<Spool> spool_;
  std::optional<LogWriter> writer_;
  std::uint64_t epoch_ = 0;
  std::uint64_t next_ = 1;
  RecordNumber newest_;
  BatchRef refused_;
  std::map<Place, std::string> written_;
  std::vector<Place> unsynced_;
  std::set<Place> maybe_;
};

class LogModelTest : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  // What recovery finds in thousands of logs is for the run that one looks at.
  LogModelTest() {
    if (std::getenv("XYLEM_TEST_SEED") == nullptr) set_log_level(LogLevel::error);
  }
  ~LogModelTest() override { set_log_level(LogLevel::info); }
};
INSTANTIATE_TEST_SUITE_P(Shards, LogModelTest, ::testing::Range<std::uint64_t>(0, kShards));

TEST_P(LogModelTest, S2KeepsWhatItPromisedThroughKillsAndLossesOfPower) {
  SimulatedDisk::Counts counts;
  std::uint64_t lost = 0;
  for (const std::uint64_t seed : testing::seeds(number_of_seeds())) {
    SCOPED_TRACE(testing::named(seed) + ", shard " + std::to_string(GetParam()));
    ModelRun run(GetParam() * 1'000'000 + seed);
    run.run();
    counts += run.counts();
    lost += run.lost_records;
    if (::testing::Test::HasFailure()) return;
  }
  if (std::getenv("XYLEM_TEST_SEED") != nullptr || number_of_seeds() < kSeedsThatTell) return;
  EXPECT_GT(counts.power_losses, 200u) << "the premise: all of this happened";
  EXPECT_GT(counts.lost_sectors, 200u);
  EXPECT_GT(counts.kept_sectors, 200u);
  EXPECT_GT(counts.failed_syncs, 20u);
  EXPECT_GT(counts.failed_writes, 20u);
  EXPECT_GT(lost, 20u);
}

// The oracle is worth something only if it sees a disk that lies.
TEST(LogModel, CanSeeWhatIsLost) {
  SimulatedDisk disk(1);
  disk.faults().lies = true;
  disk.faults().write_back_one_in = 0;
  LogWriter::Options options;
  {
    const auto spool = Spool::open(disk.mount(), options).value();
    LogWriter writer(options, spool->disk(), spool->catalog(), spool->recovered(), {});
    for (std::uint64_t first = 1; first <= 50; ++first) {
      const BatchRef batch = testing::stamped(testing::batch_of("a", 1, 500), first);
      ASSERT_EQ(writer.append({&batch, 1}, 0), LogWriter::Outcome::written);
    }
    ASSERT_TRUE(writer.sync());
  }
  disk.lose_power();
  disk.faults().lies = false;
  const auto spool = Spool::open(disk.mount(), options).value();
  const auto reader = spool->reader();
  reader->seek({}, {});
  std::size_t found = 0;
  while (reader->read()) ++found;
  EXPECT_LT(found, 50u);
}

}  // namespace
}  // namespace xylem
