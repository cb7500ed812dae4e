#include "relay/cli/misspelt.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "relay/node/option_table.h"

namespace xylem::cli {
namespace {

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// Empty for a word that is one of `names`, or near none of them.
std::string suggestion(const std::string& word, const std::vector<std::string>& names) {
  const auto near = std::min_element(names.begin(), names.end(), [&](auto& a, auto& b) {
    return edit_distance(a, word) < edit_distance(b, word);
  });
  const std::size_t most = 1 + word.size() / 4;  // letters; more make another word of it
  if (near == names.end() || *near == word || edit_distance(*near, word) > most) return "";
  return fmt::format("there is no {}; did you mean {}?", word, *near);
}

}  // namespace

std::string what_was_meant(const CLI::App& app, std::span<const char* const> words) {
  const CLI::App* at = &app;
  for (const char* each : words) {
    const std::string word = each;
    if (word == "--") break;
    std::string said;
    if (word.starts_with("--")) {
      said = suggestion(word.substr(0, word.find('=')), options_of(*at));
    } else if (const auto names = commands_of(*at);
               std::find(names.begin(), names.end(), word) != names.end()) {
      at = at->get_subcommand(word);
    } else if (at->get_require_subcommand_min() != 0) {
      said = suggestion(word, names);
    }
    if (!said.empty()) return said;
  }
  return "";
}

}  // namespace xylem::cli
