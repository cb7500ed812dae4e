#include "relay/filter/filter_key.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>
#include <vector>

namespace xylem {
namespace {

struct Row {
  std::string_view name;
  FilterValueType type;
};
using enum FilterValueType;
constexpr std::array<Row, kFilterKeyCount> kRows{{
    {"name", text},      {"uuid", text},        {"args", text},    {"kwargs", text},
    {"exception", text}, {"traceback", text},   {"result", text},  {"worker", text},
    {"state", text},     {"type", text},        {"key", pattern},  {"queue", text},
    {"exchange", text},  {"routing_key", text}, {"root", text},    {"parent", text},
    {"client", text},    {"eta", time},         {"expires", time}, {"timestamp", time},
    {"sent", time},      {"received", time},    {"started", time}, {"succeeded", time},
    {"failed", time},    {"retried", time},     {"revoked", time}, {"rejected", time},
    {"retries", number}, {"runtime", duration}, {"clock", number}, {"pid", number},
    {"has", field},
}};

// Levenshtein's.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t other = std::min({row[j] + 1, row[j + 1] + 1, diagonal + (a[i] != b[j])});
      diagonal = std::exchange(row[j + 1], other);
    }
  }
  return row.back();
}

}  // namespace

std::string_view name_of(FilterKey key) { return kRows[static_cast<std::size_t>(key)].name; }
FilterValueType type_of(FilterKey key) { return kRows[static_cast<std::size_t>(key)].type; }

std::optional<FilterKey> filter_key(std::string_view name) {
  const auto found =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& row) { return row.name == name; });
  if (found == kRows.end()) return std::nullopt;
  return static_cast<FilterKey>(found - kRows.begin());
}

std::string_view nearest_filter_key(std::string_view name) {
  name = name.substr(0, 32);
  return std::min_element(kRows.begin(), kRows.end(),
                          [&](const Row& a, const Row& b) {
                            return distance(a.name, name) < distance(b.name, name);
                          })
      ->name;
}

std::string_view name_of(FilterValueType type) {
  switch (type) {
    case text: return "text";
    case pattern: return "pattern";
    case number: return "number";
    case duration: return "duration";
    case time: return "time";
    case field: return "key";
  }
  return "unknown";
}

}  // namespace xylem
