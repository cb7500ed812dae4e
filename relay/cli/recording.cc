#include "relay/cli/recording.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "relay/cli/event_text.h"
#include "relay/event/batch.h"
#include "relay/event/routing_key.h"

namespace xylem::cli {
namespace {

constexpr std::size_t kLineBytesMax = RecordingReader::kEventBytesMax + (4 << 10);

// The members of a JSON object as they stand, one after the other. Looks only for where values end;
// what they are is for others to say.
class Members {
 public:
  explicit Members(std::string_view text) : rest_(text) {
    skip_spaces();
    sound_ = take('{');
    skip_spaces();
    done_ = sound_ && take('}');
    skip_spaces();
    sound_ = sound_ && (!done_ || rest_.empty());
  }
  struct Member {
    std::string_view name;  // without its quotes, escapes as they are
    std::string_view value;
  };
  // Nothing at the end, or where the text is not sound.
  [[nodiscard]] std::optional<Member> next() {
    if (!sound_ || done_) return std::nullopt;
    sound_ = false;
    const auto name = string();
    skip_spaces();
    if (!name || !take(':')) return std::nullopt;
    skip_spaces();
    const auto value = any();
    skip_spaces();
    if (!value || (!take(',') && !(done_ = take('}')))) return std::nullopt;
    skip_spaces();
    sound_ = !done_ || rest_.empty();
    return Member{name->substr(1, name->size() - 2), *value};
  }
  [[nodiscard]] bool sound() const { return sound_ && done_; }

 private:
  void skip_spaces() {
    while (!rest_.empty() && std::string_view(" \t\r\n").find(rest_.front()) != rest_.npos)
      rest_.remove_prefix(1);
  }
  [[nodiscard]] bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] std::string_view take_bytes(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  // The place behind the string that begins at `at`; npos if it does not end.
  [[nodiscard]] std::size_t end_of_string(std::size_t at) const {
    for (++at; at < rest_.size(); ++at) {
      if (rest_[at] == '\\') {
        ++at;
      } else if (rest_[at] == '"') {
        return at + 1;
      }
    }
    return std::string_view::npos;
  }
  [[nodiscard]] std::optional<std::string_view> string() {
    if (rest_.empty() || rest_.front() != '"') return std::nullopt;
    const std::size_t end = end_of_string(0);
    if (end == std::string_view::npos) return std::nullopt;
    return take_bytes(end);
  }
  [[nodiscard]] std::optional<std::string_view> any() {
    std::size_t at = 0;
    for (std::size_t depth = 0; at < rest_.size();) {
      const char c = rest_[at];
      if (c == '"') {
        at = end_of_string(at);
        if (at == std::string_view::npos) return std::nullopt;
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (depth == 0 && std::string_view(",}] \t\r\n").find(c) != std::string_view::npos) break;
      if ((c == '}' || c == ']') && --depth == 0) return take_bytes(at + 1);
      ++at;
    }
    if (at == 0) return std::nullopt;
    return take_bytes(at);
  }

  std::string_view rest_;
  bool sound_ = false;
  bool done_ = false;
};

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [last, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc{} && last == text.data() + text.size();
}

std::uint64_t count_of(std::string_view gap) {
  std::uint64_t count = 0;
  Members members(gap);
  while (const auto member = members.next()) {
    if (member->name == "count" && !read_number(member->value, count)) return 0;
  }
  return count;
}

}  // namespace

std::string recorded_line(const Receiver::Event& event) { return json_line(event, true); }

std::string recorded_line(const Gap& gap) {
  return fmt::format(R"({{"gap":{{"epoch":{},"first":{},"last":{},"count":{},"reason":"{}"}}}})",
                     gap.epoch.value, gap.first.value, gap.last.value, gap.count,
                     name_of(gap.reason));
}

RecordingReader::RecordingReader(std::istream& in)
    : in_(in), json_({kEventBytesMax, kEventBytesMax}), text_(kLineBytesMax + 2 + Slab::kSlack) {}

Result<const Recorded*> RecordingReader::next() {
  in_.getline(text_.data(), kLineBytesMax + 2);
  const auto got = static_cast<std::size_t>(in_.gcount());
  if (in_.bad()) return fail(ErrorCode::io, "it cannot be read");
  if (got == 0) return nullptr;
  ++line_;
  bytes_ += got;
  if (in_.fail()) {
    return wrong(fmt::format("it is longer than {} bytes", kLineBytesMax));
  }
  // The delimiter was counted, unless the file ended without one.
  return read({text_.data(), in_.eof() ? got : got - 1});
}

Result<const Recorded*> RecordingReader::read(std::string_view text) {
  recorded_ = {};
  bool has_time = false;
  bool has_event = false;
  Members members(text);
  while (const auto member = members.next()) {
    if (member->name == "event") {
      has_event = true;
      recorded_.body = member->value;
    } else if (member->name == "received_us") {
      has_time = read_number(member->value, recorded_.received_us);
    } else if (member->name == "gap") {
      recorded_.is_gap = true;
      recorded_.missing = count_of(member->value);
    } else if (member->name == "type" && member->value == R"("xylem-gap")") {
      recorded_.is_gap = true;  // as `xylem dump` says it
      recorded_.missing = count_of(text);
    }
  }
  if (!members.sound()) return wrong("it is not a JSON object");
  if (recorded_.is_gap && !has_event) return &recorded_;
  if (!has_event || !has_time) return wrong("an event and its received_us are not in it");
  return read_event();
}

Result<const Recorded*> RecordingReader::read_event() {
  const auto scan = json_.scan(recorded_.body);
  if (!scan) return wrong(fmt::format("its event is refused: {}", name_of(scan.error())));
  if ((*scan)->is_list || (*scan)->events.size() != 1) return wrong("its event is not an object");
  const JsonEvent& event = (*scan)->events.front();
  if (!event.accepted) {
    return wrong(fmt::format("its event is refused: {}", name_of(event.refusal)));
  }
  recorded_.key = key_of_type(event.type);
  if (!is_routing_key(recorded_.key)) return wrong("its event is refused: bad_key");
  recorded_.timestamp_us = event.timestamp_us;
  return &recorded_;
}

tl::unexpected<Error> RecordingReader::wrong(std::string_view what) const {
  return fail(ErrorCode::malformed, fmt::format("line {}: {}", line_, what));
}

}  // namespace xylem::cli
