#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace xylem::top {

using Json = nlohmann::ordered_json;

// The JSON of whoever answers, who may be no relay at all: what is missing, or of another type, is
// empty.
[[nodiscard]] const Json& member(const Json& json, std::string_view name);
[[nodiscard]] std::string text_at(const Json& json, std::string_view name);
// A number, or one in a text, as the API writes those that are long.
[[nodiscard]] std::optional<double> number_at(const Json& json, std::string_view name);
// Of the API's times: seconds since 1970.
[[nodiscard]] std::optional<double> time_at(const Json& json, std::string_view name);
// A text itself, anything else as JSON; "" for null.
[[nodiscard]] std::string value_text(const Json& json);

// "250ms" "1.53s" "3m07s" "2h05m" "3d04h"; at most seven characters.
[[nodiscard]] std::string duration_text(double seconds);
// "1,234,567"
[[nodiscard]] std::string count_text(double count);
// "0.25" "12.3" "1,234"
[[nodiscard]] std::string rate_text(double per_second);
// "08:15:59" in the machine's zone; with thousandths if so asked.
enum class Clockface : std::uint8_t { seconds, milliseconds };
[[nodiscard]] std::string clock_text(double seconds, Clockface face = Clockface::seconds);
// "-" for nothing.
template <class Text>
[[nodiscard]] std::string or_dash(const std::optional<double>& number, Text text) {
  return number ? text(*number) : "-";
}

}  // namespace xylem::top
