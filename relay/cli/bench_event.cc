#include "relay/cli/bench_event.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <random>

#include "relay/base/check.h"
#include "relay/event/routing_key.h"

namespace xylem::cli {
namespace {

// The stamp is the first field: producer, type, index among the type's events, when it was sent.
constexpr std::string_view kStampHead = R"({"bench": ")";
constexpr std::string_view kStampForm = "00000000000000000000000000000";
constexpr std::size_t kProducerDigits = 2;
constexpr std::size_t kTypeAt = 2;
constexpr std::size_t kIndexAt = 3;
constexpr std::size_t kIndexDigits = 9;
constexpr std::size_t kSentAt = 12;
constexpr std::size_t kSentDigits = 17;

constexpr std::uint64_t kCycle = 32 * 64;  // bench_type() repeats itself after so many

void write_digits(char* begin, std::size_t digits, std::uint64_t value) {
  for (char* at = begin + digits; at != begin; value /= 10)
    *--at = static_cast<char>('0' + value % 10);
}

std::uint64_t read_digits(const char* begin, std::size_t digits) {
  std::uint64_t value = 0;
  for (const char* at = begin; at != begin + digits; ++at)
    value = value * 10 + static_cast<std::uint64_t>(*at - '0');
  return value;
}

// Random texts, the same for the same seed on every machine.
class Words {
 public:
  explicit Words(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  std::string word() {
    std::string text;
    for (std::uint64_t left = 3 + below(7); left != 0; --left)
      text += static_cast<char>('a' + below(26));
    return text;
  }
  // Words and numbers, exactly so long.
  std::string prose(std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) {
      text += below(3) == 0 ? fmt::format("{}", below(1'000'000)) : word();
      text += ' ';
    }
    text.resize(bytes);
    if (!text.empty() && text.back() == ' ') text.back() = '.';
    return text;
  }
  std::string uuid4() {
    const std::uint64_t high = random_();
    const std::uint64_t low = random_();
    return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff,
                       high & 0xfff, 0x8000 | (low >> 48 & 0x3fff), low & 0xffff'ffff'ffff);
  }

 private:
  std::mt19937_64 random_;
};

// An event's text with the place where random words make it as long as it must be.
struct Draft {
  std::string text;
  std::size_t padding_at = 0;

  void add(std::string_view name, std::string_view value) {
    text += fmt::format("{}\"{}\": {}", text.empty() ? "{" : ", ", name, value);
  }
  // A string with the padding between `before` and `after`.
  void add_padded(std::string_view name, std::string_view before, std::string_view after) {
    add(name, fmt::format("\"{}{}\"", before, after));
    padding_at = text.size() - 1 - after.size();
  }
};

struct Worker {
  std::string hostname;
  std::uint64_t pid;
  std::uint64_t clock;
  double timestamp;
};

// How much of an event there is room for.
enum Detail { kRich, kLean, kWithoutNulls, kWithTime, kBare };

std::string quoted(std::string_view text) { return fmt::format("\"{}\"", text); }

void add_received(Draft& draft, Words& words, Detail detail) {
  static constexpr std::string_view kNames[] = {"shop.tasks.send_invoice", "shop.tasks.charge_card",
                                                "media.tasks.make_thumbnail",
                                                "search.tasks.update_index"};
  static constexpr std::string_view kShortNames[] = {"shop.pay", "mail.out", "img.trim", "idx.add"};
  const std::uint64_t name = words.below(4);
  draft.add("name", quoted(detail == kRich ? kNames[name] : kShortNames[name]));
  if (detail == kRich) {
    draft.add_padded("args", fmt::format("({}, '", words.below(1'000'000)), "')");
    draft.add("kwargs", fmt::format("\"{{'{}': {}, '{}': '{}'}}\"", words.word(), words.below(5000),
                                    words.word(), words.word()));
  } else {
    draft.add_padded("args", "('", "',)");
    draft.add("kwargs", "\"{}\"");
  }
  if (detail >= kWithoutNulls) return;
  draft.add("root_id", quoted(words.uuid4()));
  draft.add("parent_id", "null");
  draft.add("retries", "0");
  draft.add("eta", "null");
  draft.add("expires", "null");
}

void add_fields(Draft& draft, std::size_t type, Words& words, Detail detail) {
  if (detail >= kWithTime) return draft.add_padded("args", "", "");
  if (kBenchTypes[type].starts_with("task-")) draft.add("uuid", quoted(words.uuid4()));
  switch (type) {
    case 0: return add_received(draft, words, detail);
    case 1: return draft.add_padded("args", "('", "',)");  // a real one is shorter than most sizes
    case 2:
      draft.add_padded("result", "{'", fmt::format("': {}}}", words.below(100'000)));
      return draft.add("runtime",
                       fmt::format("{}", 1e-9 * static_cast<double>(words.below(5'000'000'000))));
    case 3:
      draft.add("exception", fmt::format("\"ValueError('{}')\"", words.word()));
      return draft.add_padded("traceback",
                              R"(Traceback (most recent call last):\n  File \"tasks.py\", line )",
                              R"(\nValueError\n)");
    default:
      draft.add("freq", "2.0");
      draft.add("active", fmt::format("{}", words.below(16)));
      draft.add("processed", fmt::format("{}", words.below(10'000'000)));
      draft.add("loadavg",
                fmt::format("[{:.2f}, {:.2f}, {:.2f}]", 0.01 * double(words.below(800)),
                            0.01 * double(words.below(800)), 0.01 * double(words.below(800))));
      draft.add("sw_ident", "\"py-celery\"");
      draft.add("sw_ver", "\"5.2.6\"");
      return draft.add_padded("sw_sys", "Linux ", "");
  }
}

Draft draft_of(std::size_t type, Words& words, const Worker& worker, Detail detail) {
  Draft draft;
  draft.add("bench", quoted(kStampForm));
  add_fields(draft, type, words, detail);
  if (detail <= kWithoutNulls) {
    draft.add("hostname", quoted(worker.hostname));
    draft.add("utcoffset", "0");
    draft.add("pid", fmt::format("{}", worker.pid));
    draft.add("clock", fmt::format("{}", worker.clock));
  }
  if (detail <= kWithTime) {
    std::array<char, 32> digits;  // the shortest that reads back the same, as Python prints it
    const auto end = std::to_chars(digits.begin(), digits.end(), worker.timestamp).ptr;
    draft.add("timestamp", std::string_view(digits.begin(), end));
  }
  draft.add("type", quoted(kBenchTypes[type]));
  draft.text += '}';
  return draft;
}

std::string text_of(std::size_t type, Words& words, const Worker& worker, std::size_t bytes) {
  for (const Detail detail : {kRich, kLean, kWithoutNulls, kWithTime, kBare}) {
    Draft draft = draft_of(type, words, worker, detail);
    if (draft.text.size() > bytes) continue;
    draft.text.insert(draft.padding_at, words.prose(bytes - draft.text.size()));
    return draft.text;
  }
  return {};
}

}  // namespace

// 64 events are 21 lives of a task and one heartbeat; in every 32nd 64 the tasks fail.
std::size_t bench_type(std::uint64_t n) {
  if (n % 64 == 63) return 4;
  const std::size_t step = n % 64 % 3;
  return step == 2 && n % kCycle < 64 ? 3 : step;
}

std::array<std::uint64_t, kBenchTypes.size()> bench_type_counts(std::uint64_t events) {
  std::array<std::uint64_t, kBenchTypes.size()> counts{};
  for (std::uint64_t n = 0; n < kCycle; ++n) counts[bench_type(n)] += events / kCycle;
  for (std::uint64_t n = 0; n < events % kCycle; ++n) ++counts[bench_type(n)];
  return counts;
}

std::uint64_t bench_ordinal(std::size_t type, std::uint64_t index) {
  static const auto places = [] {
    std::array<std::vector<std::uint64_t>, kBenchTypes.size()> made;
    for (std::uint64_t n = 0; n < kCycle; ++n) made[bench_type(n)].push_back(n);
    return made;
  }();
  const auto& of_type = places[type];
  return index / of_type.size() * kCycle + of_type[index % of_type.size()];
}

const std::array<std::string, kBenchTypes.size()>& bench_keys() {
  static const auto keys = [] {
    std::array<std::string, kBenchTypes.size()> made;
    for (std::size_t type = 0; type < made.size(); ++type)
      made[type] = key_of_type(kBenchTypes[type]);
    return made;
  }();
  return keys;
}

BenchPool::BenchPool(std::size_t producer, std::size_t event_bytes, std::uint64_t seed) {
  XYLEM_CHECK(event_bytes >= kBenchBytesMin, "an event with room for its stamp");
  Words words(seed * 1000 + producer);
  Worker worker{.hostname = fmt::format("celery@w{:02}.example", producer),
                .pid = 1000 + words.below(9000),
                .clock = 100'000 + words.below(400'000),
                .timestamp = 1.75e9 + static_cast<double>(words.below(10'000'000))};
  for (std::uint64_t n = 0; n < kEvents; ++n) {
    const std::size_t type = bench_type(n);
    worker.clock += 1 + words.below(3);
    worker.timestamp += 1e-6 * static_cast<double>(1 + words.below(2000)) + 1.3e-7;
    Text text{text_of(type, words, worker, event_bytes),
              static_cast<std::int64_t>(worker.timestamp * 1e6)};
    XYLEM_CHECK(text.body.size() == event_bytes, "an event of the size asked for");
    write_digits(text.body.data() + kStampHead.size(), kProducerDigits, producer);
    write_digits(text.body.data() + kStampHead.size() + kTypeAt, 1, type);
    texts_[type].push_back(std::move(text));
  }
  for (std::size_t type = 0; type < keys_.size(); ++type) keys_[type] = bench_keys()[type];
}

BenchEvent BenchPool::next(std::int64_t sent_ns) {
  const std::size_t type = bench_type(n_++);
  const std::uint64_t index = indices_[type]++;
  Text& text = texts_[type][index % texts_[type].size()];
  if (sent_ns != sent_ns_) {
    sent_ns_ = sent_ns;
    write_digits(sent_digits_.data(), kSentDigits, static_cast<std::uint64_t>(sent_ns));
  }
  char* stamp = text.body.data() + kStampHead.size();
  write_digits(stamp + kIndexAt, kIndexDigits, index);
  std::memcpy(stamp + kSentAt, sent_digits_.data(), kSentDigits);
  return {kBenchTypes[type], keys_[type], text.body, text.timestamp_us};
}

bool read_bench_stamp(std::string_view text, std::size_t& from, BenchStamp& stamp) {
  const std::size_t at =
      text.substr(from).starts_with(kStampHead) ? from : text.find(kStampHead, from);
  if (at == std::string_view::npos) return false;
  const std::size_t end = at + kStampHead.size() + kStampForm.size();
  if (text.size() <= end || text[end] != '"') return false;
  const char* digits = text.data() + at + kStampHead.size();
  stamp.producer = read_digits(digits, kProducerDigits);
  stamp.type = read_digits(digits + kTypeAt, 1);
  stamp.index = read_digits(digits + kIndexAt, kIndexDigits);
  stamp.sent_ns = static_cast<std::int64_t>(read_digits(digits + kSentAt, kSentDigits));
  from = end;
  return stamp.type < kBenchTypes.size();
}

}  // namespace xylem::cli
