#include "relay/node/option_table.h"

#include <fmt/format.h>
#include <grp.h>

#include <algorithm>
#include <charconv>

#include "relay/node/bridge_options.h"
#include "relay/node/option_kinds.h"

namespace xylem {
namespace {

using namespace option;

OptionRow publish_overflow() {
  return {
      "publish.overflow",
      "\"drop_newest\" or \"block\"",
      "What happens when a publish subscriber's queue is full: it misses events until it has read "
      "again, which ZeroMQ does not count; or everything waits for it.",
      false,
      [](Config& config, const OptionValue& value) -> Result<void> {
        XYLEM_TRY(const std::string text, one_text(value));
        if (text != "drop_newest" && text != "block") {
          return fail(ErrorCode::bad_configuration,
                      fmt::format("'{}' is not one of drop_newest, block", text));
        }
        config.publish.block = text == "block";
        return {};
      },
      [](const Config& config) {
        return std::string(config.publish.block ? "\"block\"" : "\"drop_newest\"");
      }};
}

OptionRow log_level() {
  return {"log.level",
          "\"debug\", \"info\", \"warning\" or \"error\"",
          "The least important lines that are logged to stderr.",
          true,
          [](Config& config, const OptionValue& value) -> Result<void> {
            XYLEM_TRY(const std::string text, one_text(value));
            XYLEM_TRY(config.log_level, parse_log_level(text));
            return {};
          },
          [](const Config& config) {
            constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};
            return toml_text(kNames[static_cast<std::size_t>(config.log_level)]);
          }};
}

OptionRow ipc_mode() {
  return {"ipc.mode",
          "octal mode as text, such as \"0660\"; empty: what the umask leaves",
          "Who may write to the ipc sockets that the relay listens on, as for chmod; workers of "
          "another user need to.",
          false,
          [](Config& config, const OptionValue& value) -> Result<void> {
            XYLEM_TRY(const std::string text, one_text(value));
            config.ipc.mode.reset();
            if (text.empty()) return {};
            unsigned mode = 0;
            const char* end = text.data() + text.size();
            const auto [last, failure] = std::from_chars(text.data(), end, mode, 8);
            // A number without quotes may have been octal already.
            if (text.size() != 4 || text[0] != '0' || failure != std::errc{} || last != end) {
              return fail(ErrorCode::bad_configuration,
                          fmt::format("'{}' is not a mode; write \"0660\" or \"0666\"", text));
            }
            if ((mode & 0222U) == 0) {
              return fail(ErrorCode::bad_configuration,
                          fmt::format("'{}' lets nobody write, so nobody could connect", text));
            }
            config.ipc.mode = mode;
            return {};
          },
          [](const Config& config) {
            return config.ipc.mode ? fmt::format("\"{:04o}\"", *config.ipc.mode)
                                   : std::string("\"\"");
          }};
}

OptionRow ipc_group() {
  return {"ipc.group",
          "name of a group; empty: the relay's own",
          "The group that those sockets belong to.",
          false,
          [](Config& config, const OptionValue& value) -> Result<void> {
            XYLEM_TRY(config.ipc_group, one_text(value));
            config.ipc.group.reset();
            if (config.ipc_group.empty()) return {};
            const group* found = ::getgrnam(config.ipc_group.c_str());
            if (found == nullptr) {
              return fail(ErrorCode::bad_configuration,
                          fmt::format("there is no group '{}' on this machine", config.ipc_group));
            }
            config.ipc.group = found->gr_gid;
            return {};
          },
          [](const Config& config) { return toml_text(config.ipc_group); }};
}

void add_push(std::vector<OptionRow>& rows) {
  rows.push_back(addresses(
      "push.listen", "Where workers push their events (ZeroMQ PULL).",
      [](Config & c) -> auto& { return c.push.listen; }));
  rows.push_back(
      bytes("push.message_bytes_max",
            "Largest message, all frames of one list or batch; larger ones are refused.", false,
            [](Config & c) -> auto& { return c.push.admission.limits.message_bytes_max; },
            {kFrameTakenEverywhere.bytes_max, 64 * kMiB}));
  rows.push_back(bytes("push.event_bytes_max", "Largest event; larger ones are refused.", false,
                       [](Config & c) -> auto& { return c.push.admission.limits.event_bytes_max; },
                       {1 << 10, 16 * kMiB}));
  rows.push_back(
      bytes("push.batch_bytes",
            "Events that are there at the same moment share a batch until it has so many "
            "bytes. Nothing ever waits for a batch to fill.",
            false, [](Config & c) -> auto& { return c.push.admission.batch_bytes_full; },
            {4 << 10, 16 * kMiB}));
  rows.push_back(count("push.receive_hwm",
                       "Messages per sender that wait in ZeroMQ's library before the sender feels "
                       "it; a native socket keeps none.",
                       false, [](Config & c) -> auto& { return c.push.receive_hwm; },
                       {1, 1'000'000}));
}

void add_acked(std::vector<OptionRow>& rows) {
  rows.push_back(addresses(
      "acked.listen",
      "Where sources connect whose batches must arrive: acknowledged, once, in order (ROUTER).",
      [](Config & c) -> auto& { return c.acked.listen; }));
  rows.push_back(bytes("acked.window_bytes",
                       "Bytes of batches that one source may send ahead of their "
                       "acknowledgement.",
                       false, [](Config & c) -> auto& { return c.acked.limits.window_bytes; },
                       {64 << 10, kGiB}));
  rows.push_back(
      count("acked.sources_max", "Sources that the relay remembers, to know what they sent before.",
            false, [](Config & c) -> auto& { return c.acked.limits.sources_max; }, {1, 1'000'000}));
}

void add_publish(std::vector<OptionRow>& rows) {
  rows.push_back(addresses(
      "publish.listen", "Where any ZeroMQ SUB can subscribe by prefix (XPUB).",
      [](Config & c) -> auto& { return c.publish.listen; }));
  rows.push_back(count(
      "publish.send_hwm",
      "Events per subscriber that wait in ZeroMQ's library, with transport.engine = \"libzmq\".",
      false, [](Config & c) -> auto& { return c.publish.send_hwm; }, {1, 10'000'000}));
  rows.push_back(bytes("publish.send_bytes_max",
                       "Bytes per subscriber that wait in a native socket; one event above it "
                       "always fits.",
                       false, [](Config & c) -> auto& { return c.publish.send_bytes_max; },
                       {4 << 10, kGiB}));
  rows.push_back(publish_overflow());
}

void add_stream(std::vector<OptionRow>& rows) {
  rows.push_back(addresses(
      "stream.listen", "Where stream subscribers connect: patterns, credit, gap notices (ROUTER).",
      [](Config & c) -> auto& { return c.stream.listen; }));
  rows.push_back(count("stream.subscribers_max", "Stream subscribers at a time; more are refused.",
                       false, [](Config & c) -> auto& { return c.stream.shares.subscribers_max; },
                       {1, 65'536}));
  rows.push_back(
      count("stream.subscribers_per_address_max",
            "Of those, from one address; all local sockets count as one.", false,
            [](Config & c) -> auto& { return c.stream.shares.subscribers_per_address_max; },
            {1, 65'536}));
  rows.push_back(count(
      "stream.pattern_words_max",
      "Words of all subscribers' patterns together, which bounds what an event's key costs; one "
      "address may have half of them, and more are refused.",
      false, [](Config & c) -> auto& { return c.stream.shares.pattern_words_max; },
      {1'024, 16'777'216}));
  rows.push_back(bytes(
      "stream.taps_bytes_max",
      "Bytes held for all subscribers together, what several wait for counted once; beyond, "
      "the one with most overflows by its own policy, then the next. Half as much is under "
      "way to all of them.",
      false, [](Config & c) -> auto& { return c.stream.taps_bytes_max; }, {kMiB, 1024 * kGiB}));
  rows.push_back(
      bytes("stream.tap_bytes_max",
            "Bytes held for a subscriber that is behind, before its overflow policy acts; "
            "also the most that one may ask for.",
            true, [](Config & c) -> auto& { return c.stream.limits.tap_bytes_max; },
            {64 << 10, 64 * kGiB}));
  rows.push_back(count("stream.tap_events_max", "Likewise in events.", true,
                       [](Config & c) -> auto& { return c.stream.limits.tap_events_max; },
                       {1, 1'000'000'000}));
  rows.push_back(bytes("stream.credit_bytes_max",
                       "Largest credit: bytes under way to a subscriber ahead of what it consumed.",
                       true, [](Config & c) -> auto& { return c.stream.limits.credit_bytes_max; },
                       {64 << 10, 16 * kGiB}));
  rows.push_back(duration(
      "stream.heartbeat", "How often a subscriber is asked to say something.",
      std::chrono::milliseconds(50),
      [](Config & c) -> auto& { return c.stream.limits.heartbeat; }));
  rows.push_back(duration(
      "stream.idle_timeout",
      "Silence after which a subscriber is let go, with what was held for it.",
      std::chrono::milliseconds(100),
      [](Config & c) -> auto& { return c.stream.limits.idle_timeout; }));
  rows.push_back(duration(
      "stream.block_deadline",
      "How long a subscriber with the policy block may hold everything up before it is demoted to "
      "drop_oldest; 0s: for ever.",
      Duration(0), [](Config & c) -> auto& { return c.stream.block_deadline; }, kFixed));
  rows.push_back(
      bytes("stream.retention_bytes",
            "Bytes of memory for the newest batches, kept for subscribers that come back.", false,
            [](Config & c) -> auto& { return c.stream.retention.bytes_max; }, {0, 64 * kGiB}));
  rows.push_back(duration(
      "stream.retention_age", "And for how long.", Duration(0),
      [](Config & c) -> auto& { return c.stream.retention.age_max; }, kFixed));
  rows.push_back(bytes("stream.history_bytes_max",
                       "Bytes of memory for what is read of the spool for all subscribers that ask "
                       "for the past; those for whom there is none wait.",
                       false, [](Config & c) -> auto& { return c.history.bytes_max; },
                       {kMiB, 64 * kGiB}));
}

void add_spool(std::vector<OptionRow>& rows) {
  rows.push_back(text(
      "spool.directory",
      "Where every event is kept on disk, for sources that ask for acks at written "
      "or synced, for replay, and for a relay upstream; empty: nowhere.",
      [](Config & c) -> auto& { return c.spool_directory; }));
  rows.push_back(bytes("spool.bytes_max", "The most that the spool may take of the disk.", false,
                       [](Config & c) -> auto& { return c.spool.bytes_max; },
                       {128 << 10, 64 * 1024 * kGiB}));
  rows.push_back(duration(
      "spool.age_max", "What is older goes.", std::chrono::seconds(1),
      [](Config & c) -> auto& { return c.spool.age_max; }, kFixed));
  rows.push_back(
      bytes("spool.segment_bytes", "Size of one file; the quota lets go of one at a time.", false,
            [](Config & c) -> auto& { return c.spool.segment_bytes; }, {64 << 10, 16 * kGiB}));
  rows.push_back(choice(
      "spool.overflow", "\"drop_oldest\", \"drop_newest\" or \"block\"",
      "What happens when the quota is used up by what was not sent upstream yet; what is only kept "
      "for replay goes first in any case. block: the senders feel it.",
      kFixed, [](Config & c) -> auto& { return c.spool.overflow; }, parse_spool_overflow,
      [](SpoolOverflow overflow) { return name_of(overflow); }));
  rows.push_back(duration(
      "spool.sync_interval",
      "What is written is on the disk after so long, if no source waits for it.",
      std::chrono::milliseconds(10),
      [](Config & c) -> auto& { return c.spool_agent.sync_interval; }, kFixed));
}

void add_upstream(std::vector<OptionRow>& rows) {
  rows.push_back(addresses(
      "upstream.connect",
      "Relays whose acked endpoint everything in the spool is sent on to; of "
      "several, each worker's events go to one.",
      [](Config & c) -> auto& { return c.upstream.connect; }));
  rows.push_back(text(
      "upstream.name", "How the relays upstream call us in their logs; empty: the host's name.",
      [](Config & c) -> auto& { return c.upstream.name; }));
  rows.push_back(choice(
      "upstream.level", "\"received\", \"written\" or \"synced\"",
      "When the relay upstream acknowledges: when it has a batch in memory, in a file, on its "
      "disk.",
      kFixed, [](Config & c) -> auto& { return c.upstream.level; }, parse_ack_level,
      [](AckLevel level) { return name_of(level); }));
  rows.push_back(
      bytes("upstream.window_bytes", "Bytes that are under way to each, sent and not acknowledged.",
            false, [](Config & c) -> auto& { return c.upstream.window_bytes; }, {64 << 10, kGiB}));
  rows.push_back(duration(
      "upstream.failover_after",
      "Of several: how long one may be away before its workers move to the others.",
      std::chrono::milliseconds(100), [](Config & c) -> auto& { return c.upstream.failover_after; },
      kFixed));
}

void add_state(std::vector<OptionRow>& rows) {
  rows.push_back(truth(
      "state.enabled", "Keeps what every worker and task is doing, for the API and the metrics.",
      [](Config & c) -> auto& { return c.state.enabled; }));
  rows.push_back(count("state.tasks_max",
                       "Tasks that are kept; finished ones leave first, the oldest before others.",
                       false, [](Config & c) -> auto& { return c.state.state.tasks_max; },
                       {1, 100'000'000}));
  rows.push_back(bytes("state.bytes_max", "Memory that tasks and their texts may take.", false,
                       [](Config & c) -> auto& { return c.state.state.bytes_max; },
                       {1 << 20, 1024 * kGiB}));
  rows.push_back(
      bytes("state.value_bytes_max", "Of one text, such as a traceback; the rest is cut off.",
            false, [](Config & c) -> auto& { return c.state.state.value_bytes_max; }, {256, kMiB}));
  rows.push_back(count("state.workers_max",
                       "Workers that are known; who has been dead for longest makes room.", false,
                       [](Config & c) -> auto& { return c.state.state.workers.workers_max; },
                       {1, 1'000'000}));
  rows.push_back(count(
      "state.names_max", "Names of tasks, of queues and of states; more count as \"(other)\".",
      false, [](Config & c) -> auto& { return c.state.state.names_max; }, {16, 1'000'000}));
  rows.push_back(
      bytes("state.tap_bytes_max",
            "Events that wait for the state; the oldest leave, and it is blind for them.", false,
            [](Config & c) -> auto& { return c.state.tap.bytes_max; }, {1 << 20, 64 * kGiB}));
}

void add_metrics(std::vector<OptionRow>& rows) {
  rows.push_back(texts(
      "metrics.compat", "list of \"flower\" and \"celery-exporter\"",
      "Whose metrics /metrics shows as well, by their own names, for boards that ask for them.",
      [](Config & c) -> auto& { return c.state.compat.programs; }, cluster::check_programs));
  rows.push_back(choice(
      "metrics.compat_hostname", "\"theirs\", \"full\", \"host\" or \"generic\"",
      "The label of theirs for a host: as each has it, celery@web-1, web-1, or generic for tasks.",
      kFixed, [](Config & c) -> auto& { return c.state.compat.hostname; },
      cluster::parse_hostname_label, [](cluster::HostnameLabel label) { return name_of(label); }));
  rows.push_back(count("metrics.compat_series_max",
                       "Series of theirs, of all together; what comes then counts as \"(other)\".",
                       false, [](Config & c) -> auto& { return c.state.compat.series_max; },
                       {100, 200'000}));
  rows.push_back(count("metrics.compat_tasks_max",
                       "Tasks whose name, queue and times are known for each of them; the first "
                       "to come makes room.",
                       false, [](Config & c) -> auto& { return c.state.compat.tasks_max; },
                       {100, 1'000'000}));
}

void add_the_rest(std::vector<OptionRow>& rows) {
  rows.push_back(addresses(
      "http.listen", "Metrics, health and API for people and probes.",
      [](Config & c) -> auto& { return c.http.listen; }));
  rows.push_back(choice(
      "transport.engine", "\"native\" or \"libzmq\"",
      "Whose sockets carry all but HTTP and AMQP: Xylem's own, or those of ZeroMQ's library.",
      kFixed, [](Config & c) -> auto& { return c.engine; }, parse_engine,
      [](Context::Engine engine) { return name_of(engine); }));
  rows.push_back(ipc_mode());
  rows.push_back(ipc_group());
  rows.push_back(count("pipeline.threads",
                       "Threads that events pass through: 1, or 2 for intake and egress apart.",
                       false, [](Config & c) -> auto& { return c.threads; }, {1, 2}));
  rows.push_back(count("pipeline.ring_batches", "Batches that a ring between two threads holds.",
                       false, [](Config & c) -> auto& { return c.ring_batches; }, {8, 65'536}));
  rows.push_back(duration(
      "pipeline.block_budget",
      "How long subscribers with the policy block, on stream and publish together, may hold "
      "everything up within ten minutes; after that nobody is waited for until half of it has come "
      "back. 0s: no bound.",
      Duration(0), [](Config & c) -> auto& { return c.block_budget; }, kFixed));
  rows.push_back(duration(
      "node.drain_deadline", "After SIGTERM, how long to go on delivering what was accepted.",
      Duration(0), [](Config & c) -> auto& { return c.drain_deadline; }));
  rows.push_back(log_level());
}

std::vector<OptionRow> make_table() {
  std::vector<OptionRow> rows;
  for (const auto add : {add_push, add_acked, add_publish, add_stream, add_spool, add_upstream,
                         add_bridge_options, add_state, add_metrics, add_the_rest})
    add(rows);
  return rows;
}

}  // namespace

const std::vector<OptionRow>& option_table() {
  static const std::vector<OptionRow> table = make_table();
  return table;
}

const OptionRow* find_option(std::string_view key) {
  const auto& table = option_table();
  const auto row =
      std::find_if(table.begin(), table.end(), [&](const auto& r) { return r.key == key; });
  return row == table.end() ? nullptr : &*row;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] != b[j])});
      diagonal = above;
    }
  }
  return row.back();
}

namespace {

// spool.dir, amqp.password, stream.retention_x; push, which is a table; listen, which needs one.
std::string_view option_with_same_words(std::string_view key) {
  std::string_view best;
  std::size_t best_shared = 0;
  const std::size_t table = key.find('.');
  for (const OptionRow& row : option_table()) {
    const auto [mine, theirs] =
        std::mismatch(key.begin(), key.end(), row.key.begin(), row.key.end());
    const auto shared = static_cast<std::size_t>(mine - key.begin());
    const bool same_table = table != std::string_view::npos && shared >= table + 3;
    const bool is_table = mine == key.end() && theirs != row.key.end() && *theirs == '.';
    const bool lacks_table =
        table == std::string_view::npos && row.key.ends_with(fmt::format(".{}", key));
    if ((same_table || is_table || lacks_table) && (best.empty() || shared > best_shared)) {
      best = row.key;
      best_shared = shared;
    }
  }
  return best;
}

}  // namespace

std::string_view nearest_option(std::string_view key, OptionName as) {
  const auto text_of = [&](const OptionRow& row) {
    std::string known(row.key);
    if (as == OptionName::variable) std::replace(known.begin(), known.end(), '.', '_');
    return known;
  };
  const auto& table = option_table();
  const auto near = nearest(table, key, 4, text_of);
  if (near != table.end()) return near->key;
  return as == OptionName::key ? option_with_same_words(key) : std::string_view();
}

std::string environment_name(std::string_view key) {
  std::string name = "XYLEM_";
  for (const char c : key) name += c == '.' ? '_' : static_cast<char>(std::toupper(c));
  return name;
}

std::string documented_defaults() {
  const Config defaults;
  std::string out =
      "# Every option of `xylem serve` with its default. A file with no line at all means the "
      "same.\n"
      "# Generated by `xylem check --defaults`; the profiles beside it say only what they change.\n"
      "# Any line can also be given as `--set push.listen=...` or as XYLEM_PUSH_LISTEN=...;\n"
      "# [reload] marks what SIGHUP can change.\n";
  std::string_view table;
  for (const OptionRow& row : option_table()) {
    const std::size_t dot = row.key.find('.');
    if (row.key.substr(0, dot) != table) {
      table = row.key.substr(0, dot);
      out += fmt::format("\n[{}]\n", table);
    }
    out += fmt::format("# {}{}\n#   {}\n{} = {}\n", row.sentence, row.reloadable ? " [reload]" : "",
                       row.kind, row.key.substr(dot + 1), row.toml(defaults));
  }
  return out;
}

std::string effective_toml(const Config& config) {
  std::string out;
  for (const OptionRow& row : option_table())
    out += fmt::format("{} = {}\n", row.key, row.toml(config));
  return out;
}

}  // namespace xylem
