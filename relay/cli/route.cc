#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/log.h"
#include "relay/cli/command.h"
#include "relay/codec/shaped_batch.h"
#include "relay/event/routing_key.h"
#include "relay/event/topic_filter.h"
#include "relay/filter/event_subject.h"
#include "relay/filter/filter.h"
#include "relay/http/fetch.h"
#include "relay/ingest/admission.h"
#include "relay/node/config.h"

namespace xylem::cli {
namespace {

struct RouteOptions {
  std::string what;
  std::vector<std::string> patterns;
  std::string filter;
  bool explain = false;
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
  std::vector<std::string> bodies;  // of the same events
  std::vector<std::string> refusals;

 private:
  void on_refused(Refusal why, std::string_view, std::size_t bytes) override {
    refusals.push_back(fmt::format("{} ({} bytes); expected {}", name_of(why), bytes,
                                   admission_.expected(why, bytes)));
  }
  void on_batch(std::unique_ptr<Batch> batch) override {
    if (batch->is_shaped()) batch = expand(*batch);
    for (const EventEntry& entry : batch->entries()) {
      keys.emplace_back(batch->key_of(entry));
      bodies.emplace_back(batch->body_of(entry));
    }
  }
  Admission admission_;
};

// What patterns each present subscriber of a running relay has, or why there are none.
struct Subscriber {
  std::string name;
  std::vector<std::string> patterns;
};
struct Live {
  std::vector<Subscriber> subscribers;
  std::string why_none;
};

// Somebody else's page may have anything in its places.
std::string text_in(const nlohmann::json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Live live_subscribers(const Config& config) {
  if (config.http.listen.empty()) {
    return {{}, "http.listen is off, so no relay was asked for its subscribers"};
  }
  const std::string place = config.http.listen.front().text();
  const auto body = http_get(config.http.listen.front(), "/api/taps");
  if (!body) return {{}, fmt::format("no relay answers at {}: {}", place, body.error().message)};
  const auto page = nlohmann::json::parse(*body, nullptr, false);
  if (!page.is_object() || !page.contains("taps") || !page["taps"].is_array()) {
    return {{}, fmt::format("what answers at {} is no relay", place)};
  }
  Live live{{}, fmt::format("no stream subscriber is connected to the relay at {}", place)};
  for (const auto& tap : page["taps"]) {
    if (!tap.is_object() || text_in(tap, "sink") != "stream") continue;
    Subscriber subscriber{text_in(tap, "name"), {}};
    if (subscriber.name == "(gone)") continue;
    std::istringstream words(text_in(tap, "filter"));
    for (std::string word; words >> word;) subscriber.patterns.push_back(word);
    live.subscribers.push_back(std::move(subscriber));
  }
  return live;
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
  const auto logged = [](const char* name, bool is_on, const char* why) {
    std::printf("  %-28s %s\n", name, is_on ? why : "off");
  };
  logged("spool", !config.spool_directory.empty(), "yes  every event");
  logged("upstream", !config.upstream.connect.empty(), "yes  every event");
  if (config.amqp_sink.is_wanted()) {
    explain("amqp", config.amqp_sink.patterns, key);
  } else {
    logged("amqp", false, "");
  }
}

// What the filter says of an event, and why if that was asked for.
void explain_filter(const RouteOptions& options, std::string body) {
  if (options.filter.empty()) return;
  const std::size_t bytes = body.size();
  body.resize(bytes + Slab::kSlack);
  EventView fields;
  static_cast<void>(fields.open(std::string_view(body).substr(0, bytes)));
  const EventSubject subject(fields);
  const auto filter = Filter::parse(options.filter);
  const std::int64_t now_us = SystemClock().wall_us();
  std::printf("  %-28s %s\n", "--filter",
              filter->matches(subject, now_us) ? "yes  it matches" : "no   it does not match");
  if (!options.explain) return;
  std::istringstream lines(filter->explain(subject, now_us));
  for (std::string line; std::getline(lines, line);) std::printf("    %s\n", line.c_str());
}

// Why nothing can be read under this name: a sentence; none, if it is a file or may be a key.
std::string path_problem(const std::string& what, int open_error) {
  std::error_code unknown;
  if (std::filesystem::is_directory(what, unknown)) return "it is a folder";
  if (open_error == 0) return {};
  if (open_error != ENOENT && open_error != ENAMETOOLONG && open_error != ENOTDIR) {
    return std::strerror(open_error);
  }
  const bool is_path =
      what.find('/') != std::string::npos || what.ends_with(".json") || what.ends_with(".jsonl");
  return is_path ? std::strerror(open_error) : "";
}

int route_key(const RouteOptions& options, const Config& config, const Live& live) {
  const std::string key = key_of_type(options.what);
  if (!is_routing_key(key)) {
    return failed(fmt::format("'{}' is neither a file nor a routing key", printable(options.what)));
  }
  explain_key(key, options, config, live.subscribers);
  std::string event = R"({"type": )";
  append_json_text(event, options.what);
  explain_filter(options, event + "}");
  return kFine;
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
  if (const auto filter = Filter::parse(options.filter); !filter) {
    return misused(filter.error().message);
  }
  if (options.explain && options.filter.empty()) return misused("--explain goes with --filter");
  if (options.what.empty()) return misused("say what: a routing key, an event type, or a file");
  errno = 0;
  std::ifstream file(options.what);
  // A folder can be opened, but not read.
  const std::string problem = path_problem(options.what, file ? 0 : errno);
  if (!problem.empty()) {
    return failed(fmt::format("'{}': {}", printable(options.what), problem));
  }
  const Live live = live_subscribers(*config);
  if (live.subscribers.empty()) std::printf("%s\n", live.why_none.c_str());
  if (!file) return route_key(options, *config, live);
  std::stringstream text;
  text << file.rdbuf();
  Trial trial(config->push.admission);
  trial.run(text.str());
  for (std::size_t n = 0; n < trial.keys.size(); ++n) {
    explain_key(trial.keys[n], options, *config, live.subscribers);
    explain_filter(options, trial.bodies[n]);
  }
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
  command->add_option("--filter", options->filter,
                      "Also say whether this filter would match (docs/filters.md)");
  command->add_flag("--explain", options->explain, "With --filter: which of its parts match");
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
