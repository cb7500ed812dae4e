#include "relay/cli/bench_event.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <numeric>
#include <set>

namespace xylem::cli {
namespace {

constexpr std::uint64_t kSeed = 7;

std::string_view field(simdjson::dom::element event, const char* name) {
  return event[name].get_string().value();
}

TEST(BenchPool, MakesJsonOfExactlyTheSizeAskedFor) {
  simdjson::dom::parser parser;
  for (const std::size_t bytes : {kBenchBytesMin, std::size_t{128}, std::size_t{250},
                                  std::size_t{399}, std::size_t{400}, std::size_t{16'384}}) {
    BenchPool pool(3, bytes, kSeed);
    for (int n = 0; n < 2100; ++n) {
      const BenchEvent event = pool.next(n);
      ASSERT_EQ(event.body.size(), bytes) << event.body;
      ASSERT_EQ(field(parser.parse(event.body), "type"), event.type) << event.body;
    }
  }
}

TEST(BenchPool, WritesCelerysFieldsInCelerysOrder) {
  BenchPool pool(0, 400, kSeed);
  simdjson::dom::parser parser;
  const std::vector<std::vector<std::string>> expected{
      {"bench", "uuid", "name", "args", "kwargs", "root_id", "parent_id", "retries", "eta",
       "expires", "hostname", "utcoffset", "pid", "clock", "timestamp", "type"},
      {"bench", "uuid", "args", "hostname", "utcoffset", "pid", "clock", "timestamp", "type"}};
  for (const auto& names : expected) {
    std::vector<std::string> found;
    for (const auto& [name, value] : parser.parse(pool.next(1).body).get_object())
      found.emplace_back(name);
    EXPECT_EQ(found, names);
  }
}

TEST(BenchPool, HasNoTwoTextsAlike) {
  BenchPool pool(0, 400, kSeed);
  std::set<std::string> bodies;
  std::set<std::string> ids;
  simdjson::dom::parser parser;
  for (std::size_t n = 0; n < BenchPool::kEvents; ++n) {
    const BenchEvent event = pool.next(0);
    bodies.insert(std::string(event.body.substr(41)));  // behind the stamp
    if (event.type.starts_with("task-")) ids.emplace(field(parser.parse(event.body), "uuid"));
  }
  EXPECT_EQ(bodies.size(), BenchPool::kEvents);
  EXPECT_EQ(ids.size(), BenchPool::kEvents - 16) << "the rest are heartbeats";
}

TEST(BenchPool, FillsUpWithWordsThatHardlyRepeat) {
  BenchPool pool(0, 16'384, kSeed);
  for (int n = 0; n < 64; ++n) {
    std::set<std::string_view> eights;
    const std::string_view body = pool.next(0).body;
    for (std::size_t at = 0; at + 8 <= body.size(); at += 8) eights.insert(body.substr(at, 8));
    EXPECT_GT(eights.size(), body.size() / 8 * 99 / 100);
  }
}

TEST(BenchPool, LetsTheClockAndTheTimeGoOn) {
  BenchPool pool(0, 400, kSeed);
  simdjson::dom::parser parser;
  std::int64_t clock = 0;
  double time = 0;
  for (std::size_t n = 0; n < BenchPool::kEvents; ++n) {
    const BenchEvent event = pool.next(0);
    const simdjson::dom::element json = parser.parse(event.body);
    EXPECT_GT(json["clock"].get_int64().value(), clock);
    EXPECT_GT(json["timestamp"].get_double().value(), time);
    clock = json["clock"].get_int64().value();
    time = json["timestamp"].get_double().value();
    EXPECT_EQ(event.timestamp_us, static_cast<std::int64_t>(time * 1e6));
  }
}

TEST(BenchPool, IsTheSameForTheSameSeedOnly) {
  BenchPool one(0, 400, kSeed);
  BenchPool same(0, 400, kSeed);
  BenchPool other_seed(0, 400, kSeed + 1);
  BenchPool other_producer(1, 400, kSeed);
  const std::string text(one.next(5).body);
  EXPECT_EQ(same.next(5).body, text);
  EXPECT_NE(other_seed.next(5).body, text);
  simdjson::dom::parser parser;
  const std::string id(field(parser.parse(text), "uuid"));
  EXPECT_NE(field(parser.parse(other_producer.next(5).body), "uuid"), id);
}

TEST(BenchPool, StampsEveryEvent) {
  BenchPool pool(7, 400, kSeed);
  std::array<std::uint64_t, kBenchTypes.size()> next{};
  for (std::uint64_t n = 0; n < 5000; ++n) {
    const auto sent_ns = static_cast<std::int64_t>(1'700'000'000'000 + n / 3);
    const BenchEvent event = pool.next(sent_ns);
    BenchStamp stamp;
    std::size_t from = 0;
    ASSERT_TRUE(read_bench_stamp(event.body, from, stamp));
    EXPECT_EQ(stamp.producer, 7u);
    EXPECT_EQ(kBenchTypes[stamp.type], event.type);
    EXPECT_EQ(bench_keys()[stamp.type], event.key);
    EXPECT_EQ(stamp.index, next[stamp.type]++);
    EXPECT_EQ(stamp.sent_ns, sent_ns);
    EXPECT_EQ(bench_ordinal(stamp.type, stamp.index), n);
    EXPECT_FALSE(read_bench_stamp(event.body, from, stamp)) << "there is one only";
  }
}

TEST(BenchStamp, IsFoundOfEachEventOfAList) {
  BenchPool pool(0, 400, kSeed);
  std::string list = "[" + std::string(pool.next(1).body);
  list += ", " + std::string(pool.next(2).body) + "]";
  BenchStamp stamp;
  std::size_t from = 0;
  ASSERT_TRUE(read_bench_stamp(list, from, stamp));
  EXPECT_EQ(stamp.sent_ns, 1);
  ASSERT_TRUE(read_bench_stamp(list, from, stamp));
  EXPECT_EQ(stamp.sent_ns, 2);
  EXPECT_FALSE(read_bench_stamp(list, from, stamp));
}

TEST(BenchStamp, IsNotFoundInAStrangersEvent) {
  BenchStamp stamp;
  std::size_t from = 0;
  EXPECT_FALSE(read_bench_stamp(R"({"type": "task-sent"})", from, stamp));
  EXPECT_FALSE(read_bench_stamp(R"({"bench": "1 2"})", from, stamp));
}

TEST(BenchTypes, CountUpToTheEvents) {
  for (const std::uint64_t events : {1u, 64u, 100'000u}) {
    const auto counts = bench_type_counts(events);
    std::array<std::uint64_t, kBenchTypes.size()> counted{};
    for (std::uint64_t n = 0; n < events; ++n) ++counted[bench_type(n)];
    EXPECT_EQ(counts, counted);
  }
}

}  // namespace
}  // namespace xylem::cli
