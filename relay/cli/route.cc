#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "relay/base/log.h"
#include "relay/cli/command.h"
#include "relay/event/routing_key.h"
#include "relay/event/topic_filter.h"
#include "relay/http/fetch.h"
#include "relay/ingest/admission.h"
#include "relay/node/config.h"

namespace xylem::cli {
namespace {

struct RouteOptions {
  std::string what;
  std::vector<std::string> patterns;
  ConfigSources sources;
};

// Runs the real admission over one file and keeps what it said.
class Trial final : Admission::Refused, Admission::Outlet {
 public:
  explicit Trial(const Admission::Options& options) : admission_(options, *this, *this) {}

  void run(std::string_view body) {
    admission_.admit_json("", body);
    admission_.flush();
  }
  std::vector<std::string> keys;
  std::vector<std::string> refusals;

 private:
  void on_refused(Refusal why, std::string_view, std::size_t bytes) override {
    refusals.push_back(
        fmt::format("{} ({} bytes); expected {}", name_of(why), bytes, admission_.expected(why)));
  }
  void on_batch(std::unique_ptr<Batch> batch) override {
    for (const EventEntry& entry : batch->entries()) keys.emplace_back(batch->key_of(entry));
  }
  Admission admission_;
};

// What patterns each present subscriber of a running relay has, or nothing if none answers.
struct Subscriber {
  std::string name;
  std::vector<std::string> patterns;
};

std::vector<Subscriber> live_subscribers(const Config& config) {
  std::vector<Subscriber> found;
  if (config.http.listen.empty()) return found;
  const auto body = http_get(config.http.listen.front(), "/api/taps");
  if (!body) return found;
  const auto page = nlohmann::json::parse(*body, nullptr, false);
  if (!page.is_object() || !page.contains("taps")) return found;
  for (const auto& tap : page["taps"]) {
    if (tap.value("sink", "") != "stream" || tap.value("name", "") == "(gone)") continue;
    std::istringstream words(tap.value("filter", ""));
    Subscriber subscriber{tap.value("name", ""), {}};
    for (std::string word; words >> word;) subscriber.patterns.push_back(word);
    found.push_back(std::move(subscriber));
  }
  return found;
}

void explain(const std::string& who, const std::vector<std::string>& patterns,
             const std::string& key) {
  for (const std::string& text : patterns) {
    const auto pattern = TopicPattern::parse(text);
    if (pattern && pattern->matches(key)) {
      std::printf("  %-28s yes  '%s' matches\n", who.c_str(), text.c_str());
      return;
    }
  }
  std::printf("  %-28s no   %s\n", who.c_str(),
              fmt::format("{}", fmt::join(patterns, ", ")).c_str());
}

void explain_key(const std::string& key, const RouteOptions& options, const Config& config,
                 const std::vector<Subscriber>& live) {
  std::printf("routing key %s\n", printable(key).c_str());
  const auto sink = [](const char* name, const std::vector<Address>& listen, const char* why) {
    std::printf("  %-28s %s\n", name, listen.empty() ? "off" : why);
  };
  sink("publish", config.publish.listen, "yes  for every SUB whose prefix begins it");
  sink("stream", config.stream.listen, "yes  for every subscriber whose pattern matches:");
  for (const Subscriber& subscriber : live)
    explain("  " + printable(subscriber.name, 24), subscriber.patterns, key);
  for (const std::string& pattern : options.patterns)
    explain("  --pattern " + pattern, {pattern}, key);
}

int route(const RouteOptions& options) {
  const auto config = load_config(options.sources);
  if (!config) {
    std::fputs(text_of(config.error()).c_str(), stderr);
    return kBadConfiguration;
  }
  for (const std::string& pattern : options.patterns) {
    if (const auto parsed = TopicPattern::parse(pattern); !parsed)
      return misused(parsed.error().message);
  }
  if (const auto fine = check_can_match(options.patterns); !fine) {
    return misused(fine.error().message);
  }
  const std::vector<Subscriber> live = live_subscribers(*config);
  if (live.empty()) std::printf("no stream subscriber is connected, or no relay answers\n");
  if (std::filesystem::is_directory(options.what)) {
    return failed(fmt::format("'{}' is a folder", printable(options.what)));
  }
  std::ifstream file(options.what);
  if (!file) {
    const std::string key = key_of_type(options.what);
    if (!is_routing_key(key))
      return failed(
          fmt::format("'{}' is neither a file nor a routing key", printable(options.what)));
    explain_key(key, options, *config, live);
    return kFine;
  }
  std::stringstream text;
  text << file.rdbuf();
  Trial trial(config->push.admission);
  trial.run(text.str());
  for (const std::string& key : trial.keys) explain_key(key, options, *config, live);
  for (const std::string& refusal : trial.refusals) std::printf("refused: %s\n", refusal.c_str());
  if (trial.keys.empty() && trial.refusals.empty())
    std::printf("an empty list: nothing to route\n");
  return trial.refusals.empty() ? kFine : kFailed;
}

}  // namespace

void add_route(CLI::App& app, Run& run) {
  auto options = std::make_shared<RouteOptions>();
  CLI::App* command = app.add_subcommand("route", "Where would this event go, and why");
  command
      ->add_option("what", options->what,
                   "A routing key, an event type, or a file with an event's JSON")
      ->required();
  command
      ->add_option("--pattern", options->patterns,
                   "Also say whether this topic pattern would match; may be repeated")
      ->allow_extra_args(false);
  command->add_option("-c,--config", options->sources.file, "The relay's configuration")
      ->check(file_is_named);
  command->add_option("--set", options->sources.assignments, "KEY=VALUE, as for serve")
      ->allow_extra_args(false);
  command->add_flag("--insecure", options->sources.insecure, "As for serve");
  command->footer("If a relay answers at http.listen, its present subscribers are looked at too.");
  command->callback([options, &run] {
    run = [options] {
      options->sources.environment = environment();
      return route(*options);
    };
  });
}

}  // namespace xylem::cli
