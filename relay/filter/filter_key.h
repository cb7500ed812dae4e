#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xylem {

// What a filter can ask for, of an event or of a task; docs/filters.md has the table.
enum class FilterKey : std::uint8_t {
  name,
  uuid,
  args,
  kwargs,
  exception,
  traceback,
  result,
  worker,
  state,
  type,
  key,
  queue,
  exchange,
  routing_key,
  root,
  parent,
  client,
  eta,
  expires,
  timestamp,
  sent,
  received,
  started,
  succeeded,
  failed,
  retried,
  revoked,
  rejected,
  retries,
  runtime,
  clock,
  pid,
  has,
};
inline constexpr std::size_t kFilterKeyCount = static_cast<std::size_t>(FilterKey::has) + 1;

// How values of a key compare.
enum class FilterValueType : std::uint8_t {
  text,     // whole, or a glob
  pattern,  // an AMQP topic pattern
  number,
  duration,  // seconds
  time,      // seconds since the epoch, or ISO 8601
  field,     // the name of another key
};

[[nodiscard]] std::string_view name_of(FilterKey key);
[[nodiscard]] FilterValueType type_of(FilterKey key);
[[nodiscard]] std::optional<FilterKey> filter_key(std::string_view name);
// The known name that is nearest to one that is not.
[[nodiscard]] std::string_view nearest_filter_key(std::string_view name);
[[nodiscard]] std::string_view name_of(FilterValueType type);

// What a filter is held against. Values are JSON, "" where there is none.
class FilterSubject {
 public:
  virtual ~FilterSubject() = default;
  // Valid until the next call. Never asked for FilterKey::has.
  [[nodiscard]] virtual std::string_view json(FilterKey key) const = 0;
};

}  // namespace xylem
