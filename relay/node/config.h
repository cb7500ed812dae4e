#pragma once

#include <string>
#include <vector>

#include "relay/amqp/amqp_sink.h"
#include "relay/amqp/amqp_source.h"
#include "relay/base/clock.h"
#include "relay/base/log.h"
#include "relay/base/result.h"
#include "relay/cluster/state_agent.h"
#include "relay/egress/publish_egress.h"
#include "relay/egress/stream_egress.h"
#include "relay/egress/upstream.h"
#include "relay/history/history_link.h"
#include "relay/http/http_server.h"
#include "relay/ingest/acked_ingest.h"
#include "relay/ingest/push_ingest.h"
#include "relay/spool/spool_agent.h"

namespace xylem {

// Everything a relay can be told, one member per module's options; no logic. option_table.h names
// each option, parses, prints and explains it; the defaults are those of the modules, and here only
// the addresses of the design are added.
struct Config {
  Config();

  PushIngest::Options push;
  // Its admission is push's: an event is as large and a batch as full, whichever way it comes.
  AckedIngest::Options acked;
  PublishEgress::Options publish;
  StreamEgress::Options stream;
  HistoryLink::Options history;  // its readers_max is stream.subscribers_max
  std::string spool_directory;   // empty: no spool
  LogWriter::Options spool;
  SpoolAgent::Options spool_agent;
  Upstream::Options upstream;
  // The broker that both bridges go to; `url` as it was given, and empty for none.
  std::string amqp_url;
  std::string amqp_password_file;
  BrokerOptions amqp;
  AmqpSource::Options amqp_source;
  AmqpSink::Options amqp_sink;
  cluster::StateAgent::Options state;
  HttpServer::Options http;
  Context::Engine engine = Context::kDefaultEngine;
  IpcAccess ipc;
  std::string ipc_group;  // as it was given
  std::size_t ring_batches = 256;
  // How long subscribers with the policy block may hold everything up (egress/block_budget.h).
  Duration block_budget = std::chrono::minutes(1);
  std::size_t threads = 1;  // 2: intake and egress on threads of their own
  Duration drain_deadline = std::chrono::seconds(10);
  LogLevel log_level = LogLevel::info;
  // Not an option of the file: the command line's --insecure.
  bool insecure = false;
};

// Something wrong with a configuration. `where` is "relay.toml:12", "--set push.listen" or
// "XYLEM_PUSH_LISTEN".
struct Problem {
  std::string where;
  std::string what;
};

// Where values come from, weakest first: defaults, file, environment, command line.
struct ConfigSources {
  std::string file;                      // empty: none
  std::vector<std::string> assignments;  // "push.listen=tcp://127.0.0.1:7600"
  std::vector<std::string> environment;  // "XYLEM_PUSH_LISTEN=...", others are passed over
  bool insecure = false;
};

// All problems at once, or the configuration.
[[nodiscard]] tl::expected<Config, std::vector<Problem>> load_config(const ConfigSources& sources);

// Rules between options, and whether this process can listen and write where it is to. After
// look_up_listeners(). Appends to `problems`.
void check_config(const Config& config, std::vector<Problem>& problems);

// Looks up the names in the addresses where it is to listen, which blocks; `check` and the start
// alike then know that this machine has them. Appends to `problems`.
void look_up_listeners(Config& config, std::vector<Problem>& problems);

// Options that say something other than their default and mean nothing, because what they are of is
// off.
[[nodiscard]] std::vector<Problem> idle_options(const Config& config);

// What is no mistake, but would not work on this machine at this moment, or does nothing: a folder
// that is not there, a relay upstream whose name has no address. Looks names up, which blocks.
[[nodiscard]] std::vector<Problem> notes_on(const Config& config);

// One problem a line, for people.
[[nodiscard]] std::string text_of(const std::vector<Problem>& problems);

}  // namespace xylem
