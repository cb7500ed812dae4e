// TOML, and nothing else in the tree knows it.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "relay/base/log.h"
#include "relay/node/bridge_options.h"
#include "relay/node/variables.h"

namespace xylem {
namespace {

std::string text_of_number(const toml::node& node) {
  if (const auto integer = node.value_exact<std::int64_t>()) return fmt::format("{}", *integer);
  if (const auto real = node.value_exact<double>()) {
    // 1000.0 is no whole number, here as little as elsewhere.
    const std::string text = fmt::format("{}", *real);
    return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
  }
  if (const auto truth = node.value_exact<bool>()) return *truth ? "true" : "false";
  return node.value_or(std::string());
}

// A list's elements and a single value alike; nothing for what no option takes (tables, dates).
std::optional<OptionValue> value_of(const toml::node& node) {
  OptionValue value;
  const auto is_plain = [](const toml::node& n) {
    return n.is_string() || n.is_integer() || n.is_floating_point() || n.is_boolean();
  };
  if (const toml::array* list = node.as_array()) {
    value.is_list = true;
    for (const toml::node& element : *list) {
      if (!is_plain(element)) return std::nullopt;
      value.texts.push_back(text_of_number(element));
    }
    return value;
  }
  if (!is_plain(node)) return std::nullopt;
  value.texts.push_back(text_of_number(node));
  return value;
}

// "a", or "[a, b]" for a list, as on a command line.
OptionValue value_of(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']')
    return {{std::string(text)}, false};
  OptionValue value{{}, true};
  std::stringstream elements{std::string(text.substr(1, text.size() - 2))};
  for (std::string element; std::getline(elements, element, ',');) {
    const std::size_t from = element.find_first_not_of(" \"'");
    const std::size_t to = element.find_last_not_of(" \"'");
    if (from != std::string::npos) value.texts.push_back(element.substr(from, to - from + 1));
  }
  return value;
}

bool is_table_of_options(const std::string& name) {
  const auto& rows = option_table();
  return std::any_of(rows.begin(), rows.end(),
                     [&](const OptionRow& row) { return row.key.starts_with(name + "."); });
}

class Loader {
 public:
  Config config;
  std::vector<Problem> problems;
  std::map<std::string, std::string> wheres;  // where each option that was given was given last

  // check_config names options; people want the place.
  void check() {
    std::vector<Problem> found;
    resolve_broker(config, found);
    look_up_listeners(config, found);
    check_config(config, found);
    for (Problem& problem : found) {
      const auto place = wheres.find(problem.where);
      if (place != wheres.end()) problem = {place->second, problem.where + ": " + problem.what};
      problems.push_back(std::move(problem));
    }
  }

  void file(const std::string& path) {
    std::ifstream stream(path);
    std::error_code ignored;
    // A folder opens, and then throws at the first byte.
    if (!stream || std::filesystem::is_directory(path, ignored)) {
      problems.push_back({path, "cannot be read"});
      return;
    }
    const std::string text((std::istreambuf_iterator<char>(stream)), {});
    try {
      table(toml::parse(text), "", path);
    } catch (const toml::parse_error& error) {
      problems.push_back({fmt::format("{}:{}", path, error.source().begin.line),
                          std::string(error.description())});
    }
  }

  void set(std::string_view key, const std::optional<OptionValue>& value,
           const std::string& where) {
    const OptionRow* row = find_option(key);
    if (row == nullptr) {
      const std::string_view near = nearest_option(key);
      problems.push_back(
          {where, fmt::format("'{}' is not an option{}", printable(key),
                              near.empty() ? std::string("; `xylem check --defaults` lists them")
                                           : fmt::format("; did you mean '{}'?", near))});
      return;
    }
    if (!value) {
      problems.push_back({where, fmt::format("{} takes {}", key, row->kind)});
      return;
    }
    wheres[std::string(key)] = where;
    if (const auto done = row->set(config, *value); !done) {
      problems.push_back({where, fmt::format("{}: {}", key, done.error().message)});
    }
  }

  void assignment(const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) {
      problems.push_back({"--set " + text, "needs KEY=VALUE"});
      return;
    }
    const std::string key = text.substr(0, equals);
    if (key == "amqp.url" && says_password(text)) {
      problems.push_back(
          {"--set " + key,
           "a password on the command line can be read by everybody, with ps; put it "
           "into amqp.password_file, or the URL into XYLEM_AMQP_URL"});
      return;
    }
    set(key, value_of(std::string_view(text).substr(equals + 1)), "--set " + key);
  }

  void environment(const std::vector<std::string>& variables) {
    for (Problem& problem : misspelt_options(variables)) problems.push_back(std::move(problem));
    for (const OptionRow& row : option_table()) {
      const std::string prefix = environment_name(row.key) + "=";
      for (const std::string& variable : variables) {
        if (!variable.starts_with(prefix)) continue;
        set(row.key, value_of(std::string_view(variable).substr(prefix.size())),
            environment_name(row.key));
      }
    }
  }

 private:
  void table(const toml::table& table_node, const std::string& prefix, const std::string& path) {
    for (const auto& [name, node] : table_node) {
      const std::string key =
          prefix.empty() ? std::string(name) : fmt::format("{}.{}", prefix, name.str());
      const std::string where = fmt::format("{}:{}", path, node.source().begin.line);
      if (node.is_table() && find_option(key) == nullptr) {
        // An empty one has no key to be wrong.
        node.as_table()->empty() && !is_table_of_options(key) ? set(key, std::nullopt, where)
                                                              : table(*node.as_table(), key, path);
      } else {
        set(key, value_of(node), where);
      }
    }
  }
};

}  // namespace

tl::expected<Config, std::vector<Problem>> load_config(const ConfigSources& sources) {
  Loader loader;
  if (!sources.file.empty()) loader.file(sources.file);
  loader.environment(sources.environment);
  for (const std::string& text : sources.assignments) loader.assignment(text);
  loader.config.insecure = sources.insecure;
  loader.check();
  if (!loader.problems.empty()) return tl::unexpected(loader.problems);
  return loader.config;
}

}  // namespace xylem
