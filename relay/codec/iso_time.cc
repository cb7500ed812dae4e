#include "relay/codec/iso_time.h"

#include <charconv>
#include <chrono>

namespace xylem {
namespace {

// A number of just so many digits at the front, which are taken off.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) return std::nullopt;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + digits, value);
  if (failure != std::errc{} || end != text.data() + digits || value < 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::int64_t> take_fraction(std::string_view& text) {
  std::int64_t micros = 0;
  std::int64_t unit = 100'000;
  if (!take(text, ".,")) return 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    micros += (text.front() - '0') * unit;
    unit /= 10;
    text.remove_prefix(1);
  }
  return micros;
}

// What is to be added to come to UTC.
std::optional<std::int64_t> zone_us(std::string_view text) {
  if (text.empty() || text == "Z") return 0;
  const bool is_east = text.front() == '+';
  if (!take(text, "+-")) return std::nullopt;
  const auto hours = take_digits(text, 2);
  static_cast<void>(take(text, ":"));
  const auto minutes = take_digits(text, 2);
  if (!hours || !minutes || !text.empty()) return std::nullopt;
  const std::int64_t away = (*hours * 60 + *minutes) * std::int64_t{60'000'000};
  return is_east ? -away : away;
}

}  // namespace

std::optional<std::int64_t> microseconds_of_iso(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || !take(text, "T ")) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute) return std::nullopt;
  const auto second = take(text, ":") ? take_digits(text, 2) : 0;
  const auto micros = take_fraction(text);
  const auto zone = zone_us(text);
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!second || !micros || !zone || !date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = ((days * 24 + *hour) * 60 + *minute) * 60 + *second;
  return seconds * 1'000'000 + *micros + *zone;
}

}  // namespace xylem
