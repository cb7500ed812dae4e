#include "relay/top/figures.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <ctime>

namespace xylem::top {

const Json& member(const Json& json, std::string_view name) {
  static const Json kNothing;
  if (!json.is_object()) return kNothing;
  const auto found = json.find(std::string(name));
  return found == json.end() ? kNothing : *found;
}

std::string text_at(const Json& json, std::string_view name) {
  const Json& value = member(json, name);
  return value.is_string() ? value.get<std::string>() : "";
}

std::optional<double> number_at(const Json& json, std::string_view name) {
  const Json& value = member(json, name);
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [last, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || last != end || !std::isfinite(number)) return std::nullopt;
  return number;
}

std::optional<double> time_at(const Json& json, std::string_view name) {
  return number_at(member(json, name), "seconds");
}

std::string value_text(const Json& json) {
  if (json.is_null()) return "";
  if (json.is_string()) return json.get<std::string>();
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string duration_text(double seconds) {
  if (!(seconds >= 0)) return "-";
  if (seconds < 0.001) return fmt::format("{:.0f}us", seconds * 1e6);
  if (seconds < 0.9995) return fmt::format("{:.0f}ms", seconds * 1e3);
  if (seconds < 9.995) return fmt::format("{:.2f}s", seconds);
  if (seconds < 59.95) return fmt::format("{:.1f}s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::min(std::round(seconds), 1e12));
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  if (whole < 86'400) return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
  if (whole < 100 * 86'400) return fmt::format("{}d{:02}h", whole / 86'400, whole / 3600 % 24);
  return fmt::format("{}d", std::min<std::uint64_t>(whole / 86'400, 999'999));
}

std::string count_text(double count) {
  if (!std::isfinite(count) || std::abs(count) >= 1e18) return "-";
  std::string digits = fmt::format("{:.0f}", std::abs(count));
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return count <= -0.5 ? "-" + digits : digits;
}

std::string rate_text(double per_second) {
  if (per_second < 9.995) return fmt::format("{:.2f}", per_second);
  return per_second < 99.95 ? fmt::format("{:.1f}", per_second) : count_text(per_second);
}

std::string clock_text(double seconds, Clockface face) {
  if (!(seconds >= 0) || seconds > 2.5e11) return "-";
  const auto at_ms = static_cast<std::int64_t>(std::floor(seconds * 1e3 + 1e-4));
  const std::time_t whole = at_ms / 1000;
  std::tm local{};
  if (::localtime_r(&whole, &local) == nullptr) return "-";
  return face == Clockface::seconds ? fmt::format("{:%H:%M:%S}", local)
                                    : fmt::format("{:%H:%M:%S}.{:03}", local, at_ms % 1000);
}

}  // namespace xylem::top
