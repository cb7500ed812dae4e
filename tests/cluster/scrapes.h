#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "relay/cluster/compat_metrics.h"
#include "tests/cluster/life_stories.h"
#include "tests/doubles/places.h"

namespace xylem::cluster::testing {

// What Prometheus would read: each series, its labels in order, and its value; and the types.
struct Scrape {
  std::map<std::string, double> series;
  std::map<std::string, std::string> types;

  // Series of the names that begin so.
  [[nodiscard]] std::size_t count(std::string_view prefix) const {
    std::size_t n = 0;
    for (const auto& [name, value] : series) n += name.starts_with(prefix);
    return n;
  }
  // The value of a series, its labels in order of their names; -1 if there is none.
  [[nodiscard]] double at(const std::string& name) const {
    const auto found = series.find(name);
    return found == series.end() ? -1 : found->second;
  }
};

// `name{a="x",b="y"} 1` with its labels sorted; escapes are left as they are.
[[nodiscard]] inline Scrape scrape_of(const std::string& text) {
  Scrape scrape;
  std::stringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      const std::size_t space = line.rfind(' ');
      scrape.types[line.substr(7, space - 7)] = line.substr(space + 1);
    }
    if (line.empty() || line[0] == '#') continue;
    const std::size_t open = line.find('{');
    std::set<std::string> labels;
    std::size_t at = open + 1;
    while (open != std::string::npos && line[at] != '}') {
      std::size_t end = line.find('"', at) + 1;
      for (; line[end] != '"'; ++end) end += line[end] == '\\';
      labels.insert(line.substr(at, end + 1 - at));
      at = end + 1 + (line[end + 1] == ',');
    }
    std::string name = line.substr(0, std::min(open, line.find(' '))) + "{";
    for (const std::string& label : labels) name += (name.back() == '{' ? "" : ",") + label;
    const std::string value = line.substr(line.rfind(' ') + 1);
    scrape.series[name + "}"] = value == "+Inf" ? HUGE_VAL : std::stod(value);
  }
  return scrape;
}

[[nodiscard]] inline std::string fixture(const std::string& name) {
  std::ifstream file(fixtures_folder() + "/compat/" + name);
  EXPECT_TRUE(file) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void count(CompatMetrics& metrics, const std::string& body, std::int64_t arrived_us = 0,
                  bool is_past = false) {
  std::string padded = body;
  padded.resize(padded.size() + Slab::kSlack);
  EventView fields;
  static_cast<void>(fields.open(std::string_view(padded).substr(0, body.size())));
  metrics.count(fields, arrived_us, is_past);
}

[[nodiscard]] inline Scrape scrape_of(const CompatMetrics& metrics) {
  std::string text;
  for (const MetricFamily* const family : metrics.families()) {
    family->append_head(text);
    family->append_series(text, 0, family->sets().end());
  }
  return scrape_of(text);
}

// The stream of the recorded scrapes.
inline void count_fixture(CompatMetrics& metrics) {
  std::stringstream events(fixture("events.jsonl"));
  for (std::string line; std::getline(events, line);) count(metrics, line);
}

inline void expect_same(const Scrape& ours, const Scrape& theirs) {
  EXPECT_FALSE(theirs.series.empty());
  for (const auto& [name, value] : theirs.series) {
    const auto found = ours.series.find(name);
    if (found == ours.series.end()) {
      ADD_FAILURE() << "missing: " << name;
    } else {
      EXPECT_NEAR(found->second, value, 1e-6) << name;
    }
  }
  for (const auto& [name, value] : ours.series) {
    EXPECT_TRUE(theirs.series.contains(name)) << "not theirs: " << name;
  }
}

}  // namespace xylem::cluster::testing
