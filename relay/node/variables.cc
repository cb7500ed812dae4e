#include "relay/node/variables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "relay/base/log.h"
#include "relay/node/option_table.h"

namespace xylem {
namespace {

// Read by the commands, the plug-in for Celery and the tests.
constexpr std::array<std::string_view, 9> kOthers{
    "XYLEM_PUSH",   "XYLEM_STREAM", "XYLEM_MIRROR",    "XYLEM_BUFFER_BYTES", "XYLEM_BIN",
    "XYLEM_CELERY", "XYLEM_FULL",   "XYLEM_SIM_SEEDS", "XYLEM_WRITE_FAULTS"};

std::string name_of(const std::string& variable) { return variable.substr(0, variable.find('=')); }

bool is_known(std::string_view name) {
  const auto& table = option_table();
  return std::find(kOthers.begin(), kOthers.end(), name) != kOthers.end() ||
         std::any_of(table.begin(), table.end(),
                     [&](const OptionRow& row) { return environment_name(row.key) == name; });
}

// XYLEM_SERVICE_HOST, XYLEM_PORT_7600_TCP_ADDR: a service's, for every container beside it.
bool is_of_kubernetes(std::string_view name) {
  if (name.ends_with("_SERVICE_HOST") || name.ends_with("_PORT")) return true;
  if (name.find("_SERVICE_PORT_") != std::string_view::npos) return true;
  constexpr std::string_view kPort = "_PORT_";
  const std::size_t port = name.find(kPort);
  return port != std::string_view::npos && port + kPort.size() < name.size() &&
         name[port + kPort.size()] >= '0' && name[port + kPort.size()] <= '9';
}

std::vector<std::string> strangers(const std::vector<std::string>& environment) {
  std::vector<std::string> names;
  for (const std::string& variable : environment) {
    const std::string name = name_of(variable);
    const bool ours = name.starts_with("XYLEM_") && !is_known(name) && !is_of_kubernetes(name);
    if (ours) names.push_back(name);
  }
  return names;
}

// The option that the name nearly is, as a variable; "" if none.
std::string nearest_variable(const std::string& name) {
  std::string key = name.substr(std::string_view("XYLEM_").size());
  std::transform(key.begin(), key.end(), key.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::string_view near = nearest_option(key, OptionName::variable);
  return near.empty() ? "" : environment_name(near);
}

std::string_view nearest_other(std::string_view name) {
  const auto* near = nearest(kOthers, name, 2);
  return near != kOthers.end() ? *near : std::string_view();
}

}  // namespace

std::vector<Problem> misspelt_options(const std::vector<std::string>& environment) {
  std::vector<Problem> problems;
  for (const std::string& name : strangers(environment)) {
    const std::string near = nearest_variable(name);
    if (near.empty() || !nearest_other(name).empty()) continue;
    problems.push_back(
        {printable(name), fmt::format("is not an option; did you mean '{}'?", near)});
  }
  return problems;
}

std::vector<Problem> unknown_variables(const std::vector<std::string>& environment) {
  std::vector<Problem> notes;
  for (const std::string& name : strangers(environment)) {
    const std::string_view other = nearest_other(name);
    if (other.empty() && !nearest_variable(name).empty()) continue;  // told with the configuration
    notes.push_back(
        {printable(name), other.empty()
                              ? std::string("means nothing to xylem")
                              : fmt::format("means nothing to xylem; did you mean '{}'?", other)});
  }
  return notes;
}

}  // namespace xylem
