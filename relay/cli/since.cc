#include "relay/cli/since.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>

#include "relay/base/limits.h"

namespace xylem::cli {
namespace {

// Reads a time from its front on; every step says whether there was what it wants.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool number(std::size_t digits, int least, int most, int& value) {
    if (rest_.size() < digits) return false;
    const char* end = rest_.data() + digits;
    const auto [last, failure] = std::from_chars(rest_.data(), end, value);
    if (failure != std::errc{} || last != end || value < least || value > most) return false;
    rest_.remove_prefix(digits);
    return rest_.data()[-1] != '-' && value >= 0;
  }
  [[nodiscard]] bool one_of(std::string_view letters, char& found) {
    if (rest_.empty() || letters.find(rest_.front()) == std::string_view::npos) return false;
    found = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] bool letter(char wanted) {
    char found = 0;
    return one_of({&wanted, 1}, found);
  }
  // The digits behind a point, as microseconds; what is finer is cut off.
  [[nodiscard]] std::int64_t fraction_us() {
    std::int64_t us = 0;
    std::size_t digits = 0;
    for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; ++digits) {
      if (digits < 6) us = us * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    for (; digits < 6; ++digits) us *= 10;
    return us;
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// RFC 3339 §5.6, with a space allowed for the T.
std::optional<std::int64_t> moment_us(std::string_view text) {
  using namespace std::chrono;
  Reader reader(text);
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  char between = 0;
  if (!reader.number(4, 1970, 9999, year) || !reader.letter('-') ||
      !reader.number(2, 1, 12, month) || !reader.letter('-') || !reader.number(2, 1, 31, day) ||
      !reader.one_of("Tt ", between) || !reader.number(2, 0, 23, hour) || !reader.letter(':') ||
      !reader.number(2, 0, 59, minute) || !reader.letter(':') || !reader.number(2, 0, 60, second)) {
    return std::nullopt;
  }
  const std::int64_t fraction = reader.letter('.') ? reader.fraction_us() : 0;
  minutes offset{0};
  char sign = 0;
  if (!reader.one_of("Zz", sign)) {
    int offset_hours = 0;
    int offset_minutes = 0;
    if (!reader.one_of("+-", sign) || !reader.number(2, 0, 23, offset_hours) ||
        !reader.letter(':') || !reader.number(2, 0, 59, offset_minutes)) {
      return std::nullopt;
    }
    offset = minutes(offset_hours * 60 + offset_minutes) * (sign == '-' ? -1 : 1);
  }
  const year_month_day date{std::chrono::year(year), std::chrono::month(unsigned(month)),
                            std::chrono::day(unsigned(day))};
  if (!reader.at_end() || !date.ok()) return std::nullopt;
  const auto at = sys_days(date) + hours(hour) + minutes(minute) + seconds(second) - offset;
  return duration_cast<microseconds>(at.time_since_epoch()).count() + fraction;
}

}  // namespace

Result<Since> parse_since(const std::string& text, std::int64_t now_us) {
  if (const auto at = moment_us(text)) return Since{std::max<std::int64_t>(*at, 1)};
  if (const auto ago = parse_duration(text)) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(*ago).count();
    return Since{std::max<std::int64_t>(now_us - us, 1),
                 std::max<Duration>(*ago, std::chrono::milliseconds(1))};
  }
  return fail(ErrorCode::usage,
              fmt::format("'{}' is no time; write how long ago, \"250ms\", \"5s\", \"2m\" or "
                          "\"1h\", or when, \"2026-11-24T10:00:00Z\"",
                          text));
}

}  // namespace xylem::cli
