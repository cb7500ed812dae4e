#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/result.h"
#include "relay/node/config.h"

namespace xylem {

// What a file, the environment or the command line can say: a text, or a list of texts. Numbers and
// booleans arrive as their text.
struct OptionValue {
  std::vector<std::string> texts;
  bool is_list = false;
};

// One option: the only place besides its member where it appears.
struct OptionRow {
  std::string_view key;       // "push.listen"
  std::string_view kind;      // "address or list of addresses", "bytes", "count", ...
  std::string_view sentence;  // what it does
  bool reloadable;            // SIGHUP can change it
  std::function<Result<void>(Config&, const OptionValue&)> set;
  std::function<std::string(const Config&)> toml;  // its value as TOML
};

[[nodiscard]] const std::vector<OptionRow>& option_table();
[[nodiscard]] const OptionRow* find_option(std::string_view key);
// The known key that looks most like `key`, or "" if none does. A variable has '_' for its dots.
enum class OptionName : bool { key, variable };
[[nodiscard]] std::string_view nearest_option(std::string_view key,
                                              OptionName as = OptionName::key);
// How many letters must be changed, added or taken away to make one of the other.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);
// The one of `names` that is nearest to `word`, or their end if more than `most` letters differ.
template <class Names, class TextOf = std::identity>
[[nodiscard]] auto nearest(const Names& names, std::string_view word, std::size_t most,
                           TextOf text_of = {}) {
  const auto distance = [&](const auto& name) { return edit_distance(text_of(name), word); };
  const auto near = std::min_element(names.begin(), names.end(), [&](const auto& a, const auto& b) {
    return distance(a) < distance(b);
  });
  return near != names.end() && distance(*near) <= most ? near : names.end();
}
// XYLEM_PUSH_LISTEN for push.listen.
[[nodiscard]] std::string environment_name(std::string_view key);

// configs/relay.toml: every option with its sentence and its default.
[[nodiscard]] std::string documented_defaults();
// Only the values, for `xylem check` to show what is in force.
[[nodiscard]] std::string effective_toml(const Config& config);

}  // namespace xylem
