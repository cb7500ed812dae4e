#include "relay/node/option_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "relay/base/limits.h"

namespace xylem {
namespace {

Result<std::string> one_text(const OptionValue& value) {
  if (!value.is_list && value.texts.size() == 1) return value.texts.front();
  return fail(ErrorCode::bad_configuration, "takes one value, not a list");
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// Each kind of option is a pair of functions over a place in Config.

template <class Place>
OptionRow addresses(std::string_view key, std::string_view sentence, Place place) {
  return {key,
          "address, list of addresses, or \"off\"",
          sentence,
          false,
          [place](Config& config, const OptionValue& value) -> Result<void> {
            std::vector<Address> parsed;
            for (const std::string& text : value.texts) {
              if (text == "off" && value.texts.size() == 1) break;
              XYLEM_TRY(Address address, Address::parse(text));
              parsed.push_back(address);
            }
            place(config) = parsed;
            return {};
          },
          [place](const Config& config) {
            std::vector<std::string> texts;
            for (const Address& address : place(const_cast<Config&>(config))) {
              texts.push_back(toml_text(address.text()));
            }
            if (texts.size() == 1) return texts.front();
            return texts.empty() ? std::string("\"off\"")
                                 : fmt::format("[{}]", fmt::join(texts, ", "));
          }};
}

struct Bounds {
  std::uint64_t least;
  std::uint64_t most;
};

template <class Place>
OptionRow bytes(std::string_view key, std::string_view sentence, bool reloadable, Place place,
                Bounds bounds) {
  return {key,
          "bytes, or a number with KiB, MiB, GiB",
          sentence,
          reloadable,
          [place, bounds](Config& config, const OptionValue& value) -> Result<void> {
            XYLEM_TRY(const std::string text, one_text(value));
            std::uint64_t parsed = 0;
            if (!parse_bytes(text.c_str(), parsed)) {
              return fail(
                  ErrorCode::bad_configuration,
                  fmt::format("'{}' is not a size; write 4096, \"64KiB\" or \"1MiB\"", text));
            }
            if (parsed < bounds.least || parsed > bounds.most) {
              return fail(ErrorCode::bad_configuration,
                          fmt::format("must be from {} to {} bytes", bounds.least, bounds.most));
            }
            place(config) = static_cast<std::decay_t<decltype(place(config))>>(parsed);
            return {};
          },
          [place](const Config& config) {
            const auto value = static_cast<std::uint64_t>(place(const_cast<Config&>(config)));
            if (value != 0 && value % (1 << 20) == 0) return fmt::format("\"{}MiB\"", value >> 20);
            if (value != 0 && value % (1 << 10) == 0) return fmt::format("\"{}KiB\"", value >> 10);
            return fmt::format("{}", value);
          }};
}

template <class Place>
OptionRow count(std::string_view key, std::string_view sentence, bool reloadable, Place place,
                Bounds bounds) {
  return {key,
          "count",
          sentence,
          reloadable,
          [place, bounds](Config& config, const OptionValue& value) -> Result<void> {
            XYLEM_TRY(const std::string text, one_text(value));
            std::uint64_t parsed = 0;
            const char* end = text.data() + text.size();
            const auto [last, failure] = std::from_chars(text.data(), end, parsed);
            if (failure != std::errc{} || last != end) {
              return fail(ErrorCode::bad_configuration,
                          fmt::format("'{}' is not a whole number", text));
            }
            if (parsed < bounds.least || parsed > bounds.most) {
              return fail(ErrorCode::bad_configuration,
                          fmt::format("must be from {} to {}", bounds.least, bounds.most));
            }
            place(config) = static_cast<std::decay_t<decltype(place(config))>>(parsed);
            return {};
          },
          [place](const Config& config) {
            return fmt::format("{}", place(const_cast<Config&>(config)));
          }};
}

Result<Duration> parse_duration(const std::string& text) {
  double amount = 0;
  const char* end = text.data() + text.size();
  const auto [last, failure] = std::from_chars(text.data(), end, amount);
  const std::string_view unit(last, static_cast<std::size_t>(end - last));
  const double seconds = unit == "ms"  ? 1e-3
                         : unit == "s" ? 1
                         : unit == "m" ? 60
                         : unit == "h" ? 3600
                                       : 0;
  if (failure != std::errc{} || seconds == 0 || !(amount >= 0 && amount * seconds < 1e6)) {
    return fail(
        ErrorCode::bad_configuration,
        fmt::format("'{}' is not a duration; write \"250ms\", \"5s\", \"2m\" or \"1h\"", text));
  }
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(amount * seconds));
}

template <class Place>
OptionRow duration(std::string_view key, std::string_view sentence, Duration least, Place place) {
  return {key,
          "duration with ms, s, m or h",
          sentence,
          true,
          [place, least](Config& config, const OptionValue& value) -> Result<void> {
            XYLEM_TRY(const std::string text, one_text(value));
            XYLEM_TRY(const Duration parsed, parse_duration(text));
            if (parsed < least) {
              return fail(ErrorCode::bad_configuration,
                          fmt::format("must be at least {} ms", least.count() / 1'000'000));
            }
            place(config) = parsed;
            return {};
          },
          [place](const Config& config) {
            const Duration value = place(const_cast<Config&>(config));
            const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(value).count();
            return ms % 1000 == 0 ? fmt::format("\"{}s\"", ms / 1000) : fmt::format("\"{}ms\"", ms);
          }};
}

OptionRow publish_overflow() {
  return {
      "publish.overflow",
      "\"drop_newest\" or \"block\"",
      "What happens when a publish subscriber's queue is full: it misses events until it has read "
      "again, which ZeroMQ does not count; or everything waits for it.",
      false,
      [](Config& config, const OptionValue& value) -> Result<void> {
        XYLEM_TRY(const std::string text, one_text(value));
        if (text != "drop_newest" && text != "block") {
          return fail(ErrorCode::bad_configuration,
                      fmt::format("'{}' is not one of drop_newest, block", text));
        }
        config.publish.block = text == "block";
        return {};
      },
      [](const Config& config) {
        return std::string(config.publish.block ? "\"block\"" : "\"drop_newest\"");
      }};
}

OptionRow log_level() {
  return {"log.level",
          "\"debug\", \"info\", \"warning\" or \"error\"",
          "The least important lines that are logged to stderr.",
          true,
          [](Config& config, const OptionValue& value) -> Result<void> {
            XYLEM_TRY(const std::string text, one_text(value));
            XYLEM_TRY(config.log_level, parse_log_level(text));
            return {};
          },
          [](const Config& config) {
            constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};
            return toml_text(kNames[static_cast<std::size_t>(config.log_level)]);
          }};
}

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

std::vector<OptionRow> make_table() {
  std::vector<OptionRow> rows;
  rows.push_back(addresses(
      "push.listen", "Where workers push their events (ZeroMQ PULL).",
      [](Config & c) -> auto& { return c.push.listen; }));
  rows.push_back(
      bytes("push.message_bytes_max",
            "Largest message, all frames of one list or batch; larger ones are refused.", false,
            [](Config & c) -> auto& { return c.push.admission.limits.message_bytes_max; },
            {64 << 10, 64 * kMiB}));
  rows.push_back(bytes("push.event_bytes_max", "Largest event; larger ones are refused.", false,
                       [](Config & c) -> auto& { return c.push.admission.limits.event_bytes_max; },
                       {1 << 10, 16 * kMiB}));
  rows.push_back(
      bytes("push.batch_bytes",
            "Events that are there at the same moment share a batch until it has so many "
            "bytes. Nothing ever waits for a batch to fill.",
            false, [](Config & c) -> auto& { return c.push.admission.batch_bytes_full; },
            {4 << 10, 16 * kMiB}));
  rows.push_back(count("push.receive_hwm",
                       "Messages per sender that wait in ZeroMQ before the sender feels it.", false,
                       [](Config & c) -> auto& { return c.push.receive_hwm; }, {1, 1'000'000}));
  rows.push_back(addresses(
      "acked.listen",
      "Where sources connect whose batches must arrive: acknowledged, once, in order (ROUTER).",
      [](Config & c) -> auto& { return c.acked.listen; }));
  rows.push_back(bytes("acked.window_bytes",
                       "Bytes of batches that one source may send ahead of their "
                       "acknowledgement.",
                       false, [](Config & c) -> auto& { return c.acked.limits.window_bytes; },
                       {64 << 10, kGiB}));
  rows.push_back(
      count("acked.sources_max", "Sources that the relay remembers, to know what they sent before.",
            false, [](Config & c) -> auto& { return c.acked.limits.sources_max; }, {1, 1'000'000}));
  rows.push_back(addresses(
      "publish.listen", "Where any ZeroMQ SUB can subscribe by prefix (XPUB).",
      [](Config & c) -> auto& { return c.publish.listen; }));
  rows.push_back(count("publish.send_hwm", "Events per subscriber that wait in ZeroMQ.", false,
                       [](Config & c) -> auto& { return c.publish.send_hwm; }, {1, 10'000'000}));
  rows.push_back(publish_overflow());
  rows.push_back(addresses(
      "stream.listen", "Where stream subscribers connect: patterns, credit, gap notices (ROUTER).",
      [](Config & c) -> auto& { return c.stream.listen; }));
  rows.push_back(count("stream.subscribers_max", "Stream subscribers at a time; more are refused.",
                       false, [](Config & c) -> auto& { return c.stream.subscribers_max; },
                       {1, 65'536}));
  rows.push_back(
      bytes("stream.tap_bytes_max",
            "Bytes held for a subscriber that is behind, before its overflow policy acts; "
            "also the most that one may ask for.",
            true, [](Config & c) -> auto& { return c.stream.limits.tap_bytes_max; },
            {64 << 10, 64 * kGiB}));
  rows.push_back(count("stream.tap_events_max", "Likewise in events.", true,
                       [](Config & c) -> auto& { return c.stream.limits.tap_events_max; },
                       {1, 1'000'000'000}));
  rows.push_back(bytes("stream.credit_bytes_max",
                       "Largest credit: bytes under way to a subscriber ahead of what it consumed.",
                       true, [](Config & c) -> auto& { return c.stream.limits.credit_bytes_max; },
                       {64 << 10, 16 * kGiB}));
  rows.push_back(duration(
      "stream.heartbeat", "How often a subscriber is asked to say something.",
      std::chrono::milliseconds(50),
      [](Config & c) -> auto& { return c.stream.limits.heartbeat; }));
  rows.push_back(duration(
      "stream.idle_timeout",
      "Silence after which a subscriber is let go, with what was held for it.",
      std::chrono::milliseconds(100),
      [](Config & c) -> auto& { return c.stream.limits.idle_timeout; }));
  rows.push_back(addresses(
      "http.listen", "Metrics, health and API for people and probes.",
      [](Config & c) -> auto& { return c.http.listen; }));
  rows.push_back(count("pipeline.threads",
                       "Threads that events pass through: 1, or 2 for intake and egress apart.",
                       false, [](Config & c) -> auto& { return c.threads; }, {1, 2}));
  rows.push_back(count("pipeline.ring_batches", "Batches that a ring between two threads holds.",
                       false, [](Config & c) -> auto& { return c.ring_batches; }, {8, 65'536}));
  rows.push_back(duration(
      "node.drain_deadline", "After SIGTERM, how long to go on delivering what was accepted.",
      Duration(0), [](Config & c) -> auto& { return c.drain_deadline; }));
  rows.push_back(log_level());
  return rows;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] != b[j])});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

const std::vector<OptionRow>& option_table() {
  static const std::vector<OptionRow> table = make_table();
  return table;
}

const OptionRow* find_option(std::string_view key) {
  const auto& table = option_table();
  const auto row =
      std::find_if(table.begin(), table.end(), [&](const auto& r) { return r.key == key; });
  return row == table.end() ? nullptr : &*row;
}

std::string_view nearest_option(std::string_view key) {
  const auto& table = option_table();
  const auto nearest = std::min_element(
      table.begin(), table.end(),
      [&](const auto& a, const auto& b) { return distance(a.key, key) < distance(b.key, key); });
  return distance(nearest->key, key) <= 4 ? nearest->key : std::string_view();
}

std::string environment_name(std::string_view key) {
  std::string name = "XYLEM_";
  for (const char c : key) name += c == '.' ? '_' : static_cast<char>(std::toupper(c));
  return name;
}

std::string documented_defaults() {
  const Config defaults;
  std::string out =
      "# Every option of `xylem serve` with its default. A file with no line at all means the "
      "same.\n"
      "# Generated by `xylem check --defaults`; the profiles beside it say only what they change.\n"
      "# Any line can also be given as `--set push.listen=...` or as XYLEM_PUSH_LISTEN=...;\n"
      "# [reload] marks what SIGHUP can change.\n";
  std::string_view table;
  for (const OptionRow& row : option_table()) {
    const std::size_t dot = row.key.find('.');
    if (row.key.substr(0, dot) != table) {
      table = row.key.substr(0, dot);
      out += fmt::format("\n[{}]\n", table);
    }
    out += fmt::format("# {}{}\n#   {}\n{} = {}\n", row.sentence, row.reloadable ? " [reload]" : "",
                       row.kind, row.key.substr(dot + 1), row.toml(defaults));
  }
  return out;
}

std::string effective_toml(const Config& config) {
  std::string out;
  for (const OptionRow& row : option_table())
    out += fmt::format("{} = {}\n", row.key, row.toml(config));
  return out;
}

}  // namespace xylem
