// Goal    filters mean what docs/filters.md says.
// Method  the conformance file, which any implementation can run.

#include "relay/filter/filter.h"

#include <gtest/gtest.h>

#include <fstream>

#include "relay/event/batch.h"
#include "relay/filter/event_subject.h"
#include "tests/doubles/places.h"

namespace xylem {
namespace {

constexpr std::int64_t kNowUs = 1'795'852'800'000'000;  // 2026-11-28T08:00:00Z

struct Line {
  std::string filter;
  std::string event;
  std::string verdict;
};

std::vector<Line> lines_of(const std::string& path) {
  std::vector<Line> lines;
  std::ifstream file(path);
  for (std::string text; std::getline(file, text);) {
    if (text.starts_with('#')) continue;
    const std::size_t first = text.find('\t');
    const std::size_t last = text.rfind('\t');
    lines.push_back(
        {text.substr(0, first), text.substr(first + 1, last - first - 1), text.substr(last + 1)});
  }
  return lines;
}

// Its verdict on an event, or what is wrong with it.
std::string verdict_of(const std::string& filter, std::string event) {
  const auto parsed = Filter::parse(filter);
  if (!parsed) return parsed.error().message;
  const std::size_t bytes = event.size();
  event.resize(bytes + Slab::kSlack);
  EventView fields;
  if (!fields.open(std::string_view(event).substr(0, bytes))) return "not an event";
  const EventSubject subject(fields);
  const bool matches = parsed->matches(subject, kNowUs);
  EXPECT_TRUE(parsed->explain(subject, kNowUs).starts_with(matches ? "yes" : "no")) << filter;
  return matches ? "yes" : "no";
}

TEST(Filter, MeansWhatTheConformanceFileSays) {
  const std::vector<Line> lines = lines_of(fixtures_folder() + "/filters.txt");
  EXPECT_GT(lines.size(), 130u);
  for (const Line& line : lines) {
    const std::string said = verdict_of(line.filter, line.event);
    const bool is_verdict = line.verdict == "yes" || line.verdict == "no";
    if (is_verdict ? said != line.verdict : said.find(line.verdict) == std::string::npos) {
      ADD_FAILURE() << line.filter << "\n  of " << line.event << "\n  is " << said << ", not "
                    << line.verdict;
    }
  }
}

TEST(Filter, ExplainsItselfAsATree) {
  std::string event = R"({"type": "task-failed", "uuid": "a", "retries": 1})";
  const std::size_t bytes = event.size();
  event.resize(bytes + Slab::kSlack);
  EventView fields;
  ASSERT_TRUE(fields.open(std::string_view(event).substr(0, bytes)));
  const EventSubject subject(fields);
  const auto filter = Filter::parse("-has:name (state:FAILURE OR retries:>3)");
  ASSERT_TRUE(filter);
  EXPECT_EQ(filter->explain(subject, kNowUs),
            "yes  all of\n"
            "  yes  not\n"
            "    no   has:name\n"
            "  yes  any of\n"
            "    yes  state:FAILURE\n"
            "    no   retries:>3\n");
}

TEST(Filter, SaysWhereItIsWrong) {
  const auto filter = Filter::parse("state:FAILURE retires:>3");
  ASSERT_FALSE(filter);
  EXPECT_EQ(filter.error().message,
            "filter, at character 15: no key 'retires'; the nearest is 'retries'");
}

}  // namespace
}  // namespace xylem
