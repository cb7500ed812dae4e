#include "relay/node/bridge_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "relay/node/option_kinds.h"

namespace xylem {
namespace {

using namespace option;

constexpr std::size_t kNameBytesMax = 255;  // a short string of AMQP's (0-9-1 §4.2.5.3)

// What RabbitMQ takes for a name and keeps as it is: line ends it would leave out.
Result<void> check_name(std::string_view name) {
  const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
  if (std::any_of(name.begin(), name.end(), is_control)) {
    return fail(ErrorCode::bad_configuration, "has a line end or another control character in it");
  }
  if (name.size() <= kNameBytesMax) return {};
  return fail(
      ErrorCode::bad_configuration,
      fmt::format("is {} bytes long; AMQP has names of {} at most", name.size(), kNameBytesMax));
}

// An exchange or a queue.
template <class Place>
OptionRow name(std::string_view key, std::string_view sentence, Place place) {
  OptionRow row = text(key, sentence, place);
  row.set = [set = row.set, place](Config& config, const OptionValue& value) -> Result<void> {
    if (auto done = set(config, value); !done) return done;
    return check_name(place(config));
  };
  return row;
}

OptionRow url() {
  return {
      "amqp.url",
      "amqp://user:password@host:port/vhost, or amqps:// for TLS",
      "The broker of the AMQP bridges. A password is better in amqp.password_file, or all of it "
      "in XYLEM_AMQP_URL. What its query says (docs/amqp.md) it says instead of the options here.",
      false,
      [](Config& config, const OptionValue& value) -> Result<void> {
        XYLEM_TRY(config.amqp_url, one_text(value));
        // What a file or a shell ends with.
        config.amqp_url.erase(config.amqp_url.find_last_not_of(" \t\r\n") + 1);
        if (config.amqp_url.empty()) return {};
        XYLEM_TRY(config.amqp.url, BrokerUrl::parse(config.amqp_url));
        return {};
      },
      [](const Config& config) { return toml_text(without_password(config.amqp_url)); }};
}

void add_broker(std::vector<OptionRow>& rows) {
  rows.push_back(url());
  rows.push_back(text(
      "amqp.password_file", "A file whose first line is the password.",
      [](Config & c) -> auto& { return c.amqp_password_file; }));
  rows.push_back(text(
      "amqp.ca_file", "Certificates to trust with amqps://; empty: those that the system trusts.",
      [](Config & c) -> auto& { return c.amqp.ca_file; }));
  rows.push_back(text(
      "amqp.cert_file", "Our own certificate, if the broker wants one.",
      [](Config & c) -> auto& { return c.amqp.cert_file; }));
  rows.push_back(text(
      "amqp.key_file", "And its key.", [](Config & c) -> auto& { return c.amqp.key_file; }));
  rows.push_back(truth(
      "amqp.verify", "Whether the broker's certificate must be trusted and be for its host.",
      [](Config & c) -> auto& { return c.amqp.verify; }));
  rows.push_back(duration(
      "amqp.heartbeat",
      "How often broker and relay say that they are there; a connection ends after "
      "twice that in silence.",
      std::chrono::seconds(5), [](Config & c) -> auto& { return c.amqp.heartbeat; }, kFixed));
}

void add_source(std::vector<OptionRow>& rows) {
  rows.push_back(name(
      "amqp_source.exchange",
      "Events are taken from this exchange, such as celeryev; empty: from none.",
      [](Config & c) -> auto& { return c.amqp_source.exchange; }));
  rows.push_back(patterns(
      "amqp_source.patterns",
      "By which the queue is bound to it; what comes by other bindings is passed over.",
      [](Config & c) -> auto& { return c.amqp_source.patterns; }));
  rows.push_back(name(
      "amqp_source.queue",
      "The relay's own queue: used as it is if it is there, else made, durable; empty: "
      "xylem.EXCHANGE. Two relays with the same queue share its events.",
      [](Config & c) -> auto& { return c.amqp_source.queue; }));
  rows.push_back(bytes("amqp_source.queue_bytes_max",
                       "The most that waits in a queue made by the relay; beyond, its oldest go.",
                       false, [](Config & c) -> auto& { return c.amqp_source.queue_bytes_max; },
                       {64 << 10, 1024 * kGiB}));
  rows.push_back(count("amqp_source.prefetch",
                       "Messages that the broker gives ahead of their acknowledgement.", false,
                       [](Config & c) -> auto& { return c.amqp_source.prefetch; }, {1, 65'535}));
  rows.push_back(choice(
      "amqp_source.level", "\"received\", \"written\" or \"synced\"",
      "When a message is acknowledged to the broker: when its events are in memory, in a file of "
      "the "
      "spool, on its disk.",
      kFixed, [](Config & c) -> auto& { return c.amqp_source.level; }, parse_ack_level,
      [](AckLevel level) { return name_of(level); }));
  rows.push_back(truth(
      "amqp_source.msgpack",
      "Whether messages of Celery's event_serializer msgpack are taken; pickle and "
      "YAML never are.",
      [](Config & c) -> auto& { return c.amqp_source.msgpack; }));
}

void add_sink_target(std::vector<OptionRow>& rows) {
  rows.push_back(name(
      "amqp_sink.exchange",
      "Events are published on this exchange, such as celeryev; empty: on none.",
      [](Config & c) -> auto& { return c.amqp_sink.exchange; }));
  rows.push_back(name(
      "amqp_sink.queue",
      "Or straight to this queue, which there must be: classic, quorum or stream.",
      [](Config & c) -> auto& { return c.amqp_sink.queue; }));
  rows.push_back(patterns(
      "amqp_sink.patterns", "Which events.",
      [](Config & c) -> auto& { return c.amqp_sink.patterns; }));
  rows.push_back(choice(
      "amqp_sink.format", "\"celery\" or \"single\"",
      "celery: as Celery's workers send them, task events in lists. single: one event a message, "
      "persistent, with a message_id by which a repeated one is known.",
      kFixed, [](Config & c) -> auto& { return c.amqp_sink.packing.format; }, parse_amqp_format,
      [](AmqpFormat format) { return name_of(format); }));
  rows.push_back(choice(
      "amqp_sink.worker_events", "\"mirror\", \"decimate\", \"elect_only\" or \"none\"",
      "Which of the workers' own events go to the broker, where each costs a message for every "
      "gossiping worker: all; of the heartbeats one per worker and interval; only elections; none.",
      kFixed, [](Config & c) -> auto& { return c.amqp_sink.packing.worker_events; },
      parse_worker_events, [](WorkerEvents events) { return name_of(events); }));
  rows.push_back(duration(
      "amqp_sink.heartbeat_interval", "The interval of decimate; heartbeats announce it.",
      std::chrono::seconds(2),
      [](Config & c) -> auto& { return c.amqp_sink.packing.heartbeat_interval; }, kFixed));
}

void add_sink(std::vector<OptionRow>& rows) {
  add_sink_target(rows);
  rows.push_back(
      count("amqp_sink.list_events_max", "Task events that share a message at most.", false,
            [](Config & c) -> auto& { return c.amqp_sink.packing.list_events_max; }, {1, 10'000}));
  rows.push_back(bytes("amqp_sink.list_bytes_max", "Likewise in bytes.", false,
                       [](Config & c) -> auto& { return c.amqp_sink.packing.list_bytes_max; },
                       {1 << 10, 16 * kMiB}));
  rows.push_back(duration(
      "amqp_sink.linger",
      "How long the first event after a pause waits for more to share a list with.", Duration(0),
      [](Config & c) -> auto& { return c.amqp_sink.linger; }, kFixed));
  rows.push_back(count(
      "amqp_sink.window_messages", "Messages published ahead of the broker's confirms.", false,
      [](Config & c) -> auto& { return c.amqp_sink.window.messages_max; }, {1, 65'536}));
  rows.push_back(count(
      "amqp_sink.tries_max",
      "How often a message that the broker refuses is published, with waits from a second to "
      "a minute between; then its events are let go of and counted.",
      false, [](Config & c) -> auto& { return c.amqp_sink.window.tries_max; }, {1, 1'000'000}));
  rows.push_back(duration(
      "amqp_sink.confirm_timeout",
      "After so long without a confirm the connection is made anew, and what was not confirmed "
      "published again.",
      std::chrono::seconds(1), [](Config & c) -> auto& { return c.amqp_sink.confirm_timeout; },
      kFixed));
  rows.push_back(texts(
      "amqp_sink.on_connect", "list of \"heartbeat\" and \"enable_events\"",
      "What all workers are told whenever the bridge connects, so that monitors know them at once.",
      [](Config & c) -> auto& { return c.amqp_sink.on_connect; },
      [](const std::vector<std::string>& names) -> Result<void> {
        for (const std::string& name : names) {
          XYLEM_TRY(const ControlCommand command, parse_control_command(name));
          static_cast<void>(command);
        }
        return {};
      }));
}

void check_transport(const Config& config, std::vector<Problem>& problems) {
  const BrokerUrl& url = config.amqp.url;
  if (config.insecure || url.host.empty() || url.is_loopback()) return;
  if (!url.tls) {
    problems.push_back(
        {"amqp.url", fmt::format("{} is another machine, and password and events "
                                 "would go there for all to read; write amqps://, or "
                                 "start with --insecure if the network is yours",
                                 url.text())});
  } else if (!config.amqp.verify) {
    problems.push_back({"amqp.verify",
                        "without it anybody could be the broker; start with --insecure "
                        "if the network is yours"});
  }
}

// Kombu's own, for remote control: made as a topic, they would keep Celery from making them.
bool is_for_control(std::string_view exchange) {
  return exchange.ends_with(".pidbox") || exchange.starts_with("reply.");
}

void check_exchange(const char* key, const std::string& exchange, std::vector<Problem>& problems) {
  if (!is_for_control(exchange)) return;
  problems.push_back({key, fmt::format("'{}' is an exchange of Celery's remote control; events are "
                                       "on celeryev, unless Celery was told otherwise",
                                       exchange)});
}

void check_source(const Config& config, std::vector<Problem>& problems) {
  const AmqpSource::Options& source = config.amqp_source;
  check_exchange("amqp_source.exchange", source.exchange, problems);
  if (source.level != AckLevel::received && config.spool_directory.empty()) {
    problems.push_back({"amqp_source.level", fmt::format("'{}' takes a spool; set spool.directory",
                                                         name_of(source.level))});
  }
  if (const auto fine = check_name(source.queue_name()); !fine) {
    problems.push_back(
        {"amqp_source.queue",
         fmt::format("'{}' {}; set another", source.queue_name(), fine.error().message)});
  }
}

void check_sink(const Config& config, std::vector<Problem>& problems) {
  const AmqpSink::Options& sink = config.amqp_sink;
  const char* where = sink.exchange.empty() ? "amqp_sink.queue" : "amqp_sink.exchange";
  check_exchange("amqp_sink.exchange", sink.exchange, problems);
  if (config.spool_directory.empty()) {
    problems.push_back({where,
                        "takes a spool, so that nothing is lost while the broker is away; set "
                        "spool.directory"});
  }
  if (!config.upstream.connect.empty()) {
    problems.push_back({where,
                        "cannot go with upstream.connect: the spool has one that empties it; "
                        "let the relay upstream publish"});
  }
  if (!sink.exchange.empty() && !sink.queue.empty()) {
    problems.push_back({"amqp_sink.queue", "cannot go with amqp_sink.exchange; set one of them"});
  }
  if (!sink.queue.empty() && sink.packing.format == AmqpFormat::celery) {
    problems.push_back({"amqp_sink.queue",
                        "takes amqp_sink.format = \"single\", for a queue's "
                        "readers no routing key tells lists from events"});
  }
  if (!sink.exchange.empty() && sink.exchange == config.amqp_source.exchange) {
    problems.push_back({"amqp_sink.exchange",
                        "is the exchange that events are taken from; they would "
                        "go round and round"});
  }
}

}  // namespace

void add_bridge_options(std::vector<OptionRow>& rows) {
  add_broker(rows);
  add_source(rows);
  add_sink(rows);
}

void resolve_broker(Config& config, std::vector<Problem>& problems) {
  config.amqp.heed_query();
  if (config.amqp_password_file.empty()) return;
  std::ifstream file(config.amqp_password_file);
  std::string password;
  if (!std::getline(file, password) || password.empty()) {
    problems.push_back(
        {"amqp.password_file",
         fmt::format("{} cannot be read, or its first line is empty", config.amqp_password_file)});
    return;
  }
  if (password.back() == '\r') password.pop_back();
  config.amqp.url.password = password;
}

void check_bridges(const Config& config, std::vector<Problem>& problems) {
  const bool source = config.amqp_source.is_wanted();
  const bool sink = config.amqp_sink.is_wanted();
  if (config.amqp.cert_file.empty() != config.amqp.key_file.empty()) {
    problems.push_back({"amqp.cert_file", "and amqp.key_file go together"});
  }
  if (!config.amqp_url.empty()) check_transport(config, problems);
  if (!source && !sink) return;
  if (config.amqp_url.empty()) {
    problems.push_back(
        {source ? "amqp_source.exchange" : "amqp_sink.exchange", "takes a broker; set amqp.url"});
  }
  if (source) check_source(config, problems);
  if (sink) check_sink(config, problems);
}

}  // namespace xylem
