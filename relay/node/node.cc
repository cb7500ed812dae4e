#include "relay/node/node.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>

#include "relay/base/version.h"
#include "relay/node/option_table.h"
#include "relay/transport/native_figures.h"

namespace xylem {
namespace {

constexpr Duration kHeartbeatAgeMax = std::chrono::seconds(5);
// A call to a broker that takes nothing lasts for ten seconds at most, a connect for some answers;
// a name of a relay upstream is looked up for as long, where the resolver is away.
constexpr Duration kBrokerAgeMax = std::chrono::seconds(20);
// A disk that wakes up, or is busy, keeps those waiting who read the past and what is to be
// written.
constexpr Duration kDiskAgeMax = std::chrono::seconds(60);
// Clocks that are set by the network are steps of less.
constexpr Duration kClockAheadMax = std::chrono::minutes(1);
// Of threads whose agents say when they are due, so that a relay at rest wakes seldom.
constexpr Duration kQuietSleepMax = std::chrono::seconds(2);
constexpr Duration kStallMax = std::chrono::seconds(2);
constexpr Duration kHurryInterval = std::chrono::milliseconds(50);
constexpr Duration kLateGrace =
    std::chrono::seconds(1);  // for on_stop, which the deadline cannot cut

AckedIngest::Options acked_options(const Config& config) {
  AckedIngest::Options options = config.acked;
  options.admission = config.push.admission;
  options.limits.frame_bytes_max = config.push.admission.limits.frame().bytes_max;
  if (!config.spool_directory.empty()) options.limits.level_max = AckLevel::synced;
  return options;
}

HistoryLink::Options history_options(const Config& config) {
  HistoryLink::Options options = config.history;
  options.readers_max = config.stream.shares.subscribers_max;
  return options;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

Check cycles_check(const AgentRunner& runner, Duration age_max) {
  const Duration age = runner.heartbeat_age();
  return {"thread " + runner.name(), age < age_max,
          age < age_max ? ""
                        : fmt::format("has not finished a cycle for {:.1f} s",
                                      std::chrono::duration<double>(age).count())};
}

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

std::uint64_t StopReport::events_left() const {
  std::uint64_t total = 0;
  for (const Line& line : lines) total += line.events_left;
  return total;
}

bool StopReport::any_late() const {
  return std::any_of(lines.begin(), lines.end(), [](const Line& line) { return line.late; });
}

Result<std::unique_ptr<Node>> Node::open(Config config, const Clock& clock,
                                         const StopAsked& stop_asked) {
  for (const Problem& idle : idle_options(config)) {
    XYLEM_LOG(warning, "{} {}", idle.where, idle.what);
  }
  std::unique_ptr<Spool> spool;
  Epoch epoch{static_cast<std::uint64_t>(clock.wall_us())};
  if (!config.spool_directory.empty()) {
    XYLEM_TRY(spool, Spool::open(config.spool_directory, config.spool, stop_asked));
    XYLEM_TRY(epoch, spool->begin_epoch(AscendingClock(clock, spool->newest_us()).wall_us()));
  }
  std::unique_ptr<Node> made(new Node(std::move(config), clock, epoch, std::move(spool)));
  if (made->spool_) {
    if (auto added = made->add_spool(); !added) return tl::unexpected(added.error());
  }
  if (auto added = made->add_amqp(); !added) return tl::unexpected(added.error());
  made->add_state();
  if (const std::string trouble = made->clock_trouble(); !trouble.empty()) {
    XYLEM_LOG(warning, "{}", trouble);
  }
  return made;
}

Node::Node(Config config, const Clock& clock, Epoch epoch, std::unique_ptr<Spool> spool)
    : config_(std::move(config)),
      context_(config_.engine),
      spool_(std::move(spool)),
      wall_clock_(clock),
      clock_(clock, spool_ ? spool_->newest_us() : 0),
      epoch_(epoch),
      id_{random_seed() | 1},
      started_(clock_.now()),
      push_edge_("push", config_.ring_batches),
      acked_edge_("acked", config_.ring_batches),
      amqp_edge_("amqp", config_.ring_batches),
      publish_edge_("publish", config_.ring_batches),
      stream_edge_("stream", config_.ring_batches),
      spool_edge_("spool", config_.ring_batches),
      state_edge_("state", config_.ring_batches),
      history_link_(history_options(config_)),
      push_(config_.push, context_, push_edge_, clock_),
      acked_(acked_options(config_), context_, acked_edge_, spool_ ? &log_progress_ : nullptr,
             clock_),
      block_budget_(config_.block_budget),
      publish_(config_.publish, context_, publish_edge_, block_budget_),
      stream_(config_.stream, context_, stream_edge_, block_budget_, epoch_, clock_,
              spool_ ? &history_link_ : nullptr),
      pipeline_(epoch_, clock_, sources(), sinks()),
      http_(config_.http, *this) {
  RelayChain only_us;
  only_us.add(id_);
  chain_.publish(only_us);
  acked_.tell(chain_);
  context_.give_ipc(config_.ipc);
  const auto thread = [&](const char* name, std::vector<Agent*> agents) {
    threads_.push_back(
        std::make_unique<AgentRunner>(name, std::move(agents), clock_, kQuietSleepMax));
  };
  if (config_.threads == 1) {
    thread("relay", {&push_, &acked_, &pipeline_, &publish_, &stream_});
  } else {
    thread("intake", {&push_, &acked_, &pipeline_});
    thread("egress", {&publish_, &stream_});
  }
  push_edge_.join(intake().doorbell(), intake().doorbell());
  acked_edge_.join(intake().doorbell(), intake().doorbell());
  publish_edge_.join(intake().doorbell(), egress().doorbell());
  stream_edge_.join(intake().doorbell(), egress().doorbell());
}

// The disk's own threads, and who is woken when the log has moved on.
Result<void> Node::add_spool() {
  acked_.recover(spool_->recovered().sources);
  RecordNumber newest;
  if (!config_.upstream.connect.empty()) {
    Upstream::Options options = config_.upstream;
    options.seed = random_seed();
    options.relay = id_;
    options.frame = config_.push.admission.limits.frame();
    if (options.name.empty()) options.name = host_name();
    upstream_.emplace(options, context_, *spool_, clock_);
    if (auto opened = upstream_->open(); !opened) return opened;
    newest = upstream_->newest();
    acked_.tell(upstream_->chain());
  }
  spool_agent_.emplace(config_.spool_agent, *spool_, newest, log_progress_, spool_edge_, clock_);
  spool_thread_ = add_thread("spool", *spool_agent_);
  spool_edge_.join(intake().doorbell(), spool_thread_->doorbell());
  spool_agent_->wake(intake().doorbell());
  history_.emplace([this] { return spool_->reader(HistoryAgent::kPassBytes); }, history_link_);
  history_thread_ = add_thread("history", *history_);
  history_link_.join(egress().doorbell(), history_thread_->doorbell());
  spool_agent_->wake(history_thread_->doorbell());
  if (upstream_) {
    upstream_thread_ = add_thread("upstream", *upstream_);
    spool_agent_->wake(upstream_thread_->doorbell());
  }
  return {};
}

AgentRunner* Node::add_thread(const char* name, Agent& agent, Duration sleep_max) {
  threads_.push_back(
      std::make_unique<AgentRunner>(name, std::vector<Agent*>{&agent}, clock_, sleep_max));
  return threads_.back().get();
}

// One connection each way: a broker that is short of memory stops reading from those that publish.
Result<void> Node::add_amqp() {
  BrokerOptions broker = config_.amqp;
  const std::string host = host_name();
  std::vector<BrokerPulse*> pulses;
  if (config_.amqp_source.is_wanted()) {
    broker.name = fmt::format("xylem source on {}", host);
    AmqpSource::Options options = config_.amqp_source;
    options.admission = config_.push.admission;
    broker.message_bytes_max = options.admission.limits.message_bytes_max;
    amqp_source_ = std::make_unique<AmqpSource>(
        options, broker, amqp_edge_, spool_ ? &log_progress_ : nullptr, clock_, random_seed());
    amqp_source_thread_ = add_thread("amqp-source", *amqp_source_);
    amqp_edge_.join(amqp_source_thread_->doorbell(), intake().doorbell());
    if (spool_agent_) spool_agent_->wake(amqp_source_thread_->doorbell());
    pulses.push_back(&amqp_source_->link().pulse());
  }
  if (config_.amqp_sink.is_wanted()) {
    broker.name = fmt::format("xylem sink on {}", host);
    XYLEM_TRY(amqp_sink_,
              AmqpSink::open(config_.amqp_sink, broker, *spool_, clock_, random_seed()));
    amqp_sink_thread_ = add_thread("amqp-sink", *amqp_sink_);
    spool_agent_->wake(amqp_sink_thread_->doorbell());
    pulses.push_back(&amqp_sink_->link().pulse());
  }
  if (pulses.empty()) return {};
  amqp_watch_.emplace(std::move(pulses));
  amqp_watch_thread_ = add_thread("amqp-watch", *amqp_watch_);
  return {};
}

// Whose texts collide is nobody's to choose. While the broker is away its workers are not heard.
void Node::add_state() {
  if (!config_.state.enabled) return;
  cluster::StateAgent::Options options = config_.state;
  options.state.seed = options.compat.seed = random_seed();
  state_.emplace(options, state_edge_, clock_, [this] {
    return amqp_source_ != nullptr && !amqp_source_->link().trouble().empty();
  });
  state_thread_ = add_thread("state", *state_, kQuietSleepMax);
  state_edge_.join(intake().doorbell(), state_thread_->doorbell());
}

std::vector<SourceEdge*> Node::sources() {
  std::vector<SourceEdge*> all{&push_edge_, &acked_edge_};
  if (config_.amqp_source.is_wanted()) all.push_back(&amqp_edge_);
  return all;
}

std::vector<SinkEdge*> Node::sinks() {
  std::vector<SinkEdge*> all{&publish_edge_, &stream_edge_};
  if (spool_) all.push_back(&spool_edge_);
  if (config_.state.enabled) all.push_back(&state_edge_);
  return all;
}

Node::~Node() {
  if (running_) static_cast<void>(stop(clock_.now(), [] { return true; }));
}

// Sinks before sources, so that nothing is accepted before it can be delivered.
Result<void> Node::start() {
  running_ = true;
  Result<void> started;
  for (AgentRunner* own : {amqp_watch_thread_, amqp_sink_thread_, upstream_thread_, spool_thread_,
                           history_thread_, state_thread_}) {
    if (started && own != nullptr) started = own->start();
  }
  if (started && &egress() != &intake()) started = egress().start();
  if (started) started = http_.start();
  if (started) started = intake().start();
  if (started && amqp_source_thread_ != nullptr) started = amqp_source_thread_->start();
  if (!started) static_cast<void>(stop(clock_.now(), [] { return true; }));
  return started;
}

std::vector<std::pair<AgentRunner*, Agent*>> Node::in_flow_order() {
  std::vector<std::pair<AgentRunner*, Agent*>> order{{&intake(), &push_}, {&intake(), &acked_}};
  if (amqp_source_) order.emplace_back(amqp_source_thread_, amqp_source_.get());
  order.emplace_back(&intake(), &pipeline_);
  if (spool_agent_) order.emplace_back(spool_thread_, &*spool_agent_);
  if (state_) order.emplace_back(state_thread_, &*state_);
  order.emplace_back(&egress(), &publish_);
  order.emplace_back(&egress(), &stream_);
  if (history_) order.emplace_back(history_thread_, &*history_);
  if (upstream_) order.emplace_back(upstream_thread_, &*upstream_);
  if (amqp_sink_) order.emplace_back(amqp_sink_thread_, amqp_sink_.get());
  if (amqp_watch_) order.emplace_back(amqp_watch_thread_, &*amqp_watch_);
  return order;
}

StopReport Node::stop(Instant deadline, const std::function<bool()>& hurry) {
  stopping_ = true;
  StopReport report;
  for (const auto& [runner, agent] : in_flow_order()) {
    if (!runner->is_running()) continue;
    runner->request_stop(*agent, deadline);
    while (!runner->wait_finished(*agent, clock_.now() + kHurryInterval)) {
      if (hurry() && clock_.now() < deadline) {
        deadline = clock_.now();
        runner->request_stop(*agent, deadline);
      }
      if (clock_.now() > deadline + kLateGrace) break;
    }
    const bool late = !runner->wait_finished(*agent, clock_.now());
    report.lines.push_back(
        {std::string(agent->name()), late ? 0 : runner->left_behind(*agent), late});
  }
  http_.stop();
  running_ = false;
  return report;
}

Result<void> Node::reload(const Config& config) {
  std::vector<std::string> fixed;
  for (const OptionRow& row : option_table()) {
    if (!row.reloadable && row.toml(config) != row.toml(config_)) fixed.emplace_back(row.key);
  }
  if (!fixed.empty()) {
    ++reloads_refused_;
    return fail(
        ErrorCode::bad_configuration,
        fmt::format("{} cannot change while running; nothing was changed", fmt::join(fixed, ", ")));
  }
  const bool changed_password = config.amqp.url.password != config_.amqp.url.password;
  config_ = config;
  set_log_level(config_.log_level);
  if (changed_password) set_broker_password(config_.amqp.url.password);
  stream_.set_limits(config_.stream.limits);
  ++reloads_done_;
  return {};
}

Duration Node::clock_ahead() const {
  const std::int64_t wall_us =
      wall_clock_.wall_us();  // first: what passes in between is not behind
  return std::chrono::microseconds(std::max<std::int64_t>(clock_.wall_us() - wall_us, 0));
}

std::string Node::clock_trouble() const {
  const Duration ahead = clock_ahead();
  if (ahead <= kClockAheadMax) return {};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(ahead).count();
  return fmt::format(
      "times go on {} s ahead of this machine's clock, which was set back, or had been wrong, for "
      "stored times never go back; if the clock is right now, {}",
      seconds,
      spool_ ? fmt::format("stop the relay and drop the log: xylem spool drop {} --everything",
                           config_.spool_directory)
             : std::string("restart the relay"));
}

void Node::set_broker_password(const std::string& password) {
  if (amqp_source_) amqp_source_->link().set_password(password);
  if (amqp_sink_) amqp_sink_->link().set_password(password);
  if (amqp_watch_) XYLEM_LOG(info, "amqp: the new password is for the next login to the broker");
}

std::vector<std::pair<std::string, std::vector<Address>>> Node::endpoints() const {
  return {{"push", push_.bound()},
          {"acked", acked_.bound()},
          {"publish", publish_.bound()},
          {"stream", stream_.bound()},
          {"http", http_.bound()}};
}

void Node::sample_transport(Samples& samples) const {
  const NativeFigures& figures = context_.native_figures();
  const auto value = [](const NativeFigures::Count& count) {
    return static_cast<double>(count.load(std::memory_order_relaxed));
  };
  samples.push_back({Metric::transport_connections, value(figures.connections), {}});
  samples.push_back({Metric::transport_accepted, value(figures.accepted), {}});
  samples.push_back({Metric::transport_input_bytes, value(figures.input_bytes), {}});
  samples.push_back({Metric::transport_output_bytes, value(figures.output_bytes), {}});
  samples.push_back({Metric::transport_prefixes_refused, value(figures.prefixes_refused), {}});
  samples.push_back({Metric::transport_accept_pauses, value(figures.accept_pauses), {}});
  const auto ended = [&](std::string_view why, const NativeFigures::Count& count) {
    samples.push_back({Metric::transport_ended, value(count), {{"reason", std::string(why)}}});
  };
  for (std::size_t i = 0; i < figures.ended.size(); ++i)
    ended(name_of(static_cast<NativeFigures::Ended>(i)), figures.ended[i]);
  for (std::size_t i = 0; i < figures.violations.size(); ++i)
    ended(name_of(static_cast<zmtp::Violation>(i)), figures.violations[i]);
}

Samples Node::samples() const {
  Samples samples;
  samples.push_back({Metric::build_info, 1, {{"version", std::string(kVersion)}}});
  samples.push_back({Metric::epoch, static_cast<double>(epoch_.value) / 1e6, {}});
  samples.push_back(
      {Metric::uptime, std::chrono::duration<double>(clock_.now() - started_).count(), {}});
  samples.push_back(
      {Metric::clock_ahead, std::chrono::duration<double>(clock_ahead()).count(), {}});
  sample_transport(samples);
  push_.sample(samples);
  acked_.sample(samples);
  pipeline_.sample(samples);
  push_edge_.sample(samples);
  acked_edge_.sample(samples);
  publish_edge_.sample(samples);
  stream_edge_.sample(samples);
  block_budget_.sample(samples);
  publish_.sample(samples, clock_.wall_us());
  stream_.sample(samples, clock_.wall_us());
  if (spool_agent_) {
    spool_edge_.sample(samples);
    spool_agent_->sample(samples, clock_.wall_us());
  }
  if (state_) {
    state_edge_.sample(samples);
    state_->sample(samples, clock_.wall_us());
  }
  if (upstream_) upstream_->sample(samples, clock_.wall_us());
  if (amqp_source_) {
    amqp_edge_.sample(samples);
    amqp_source_->sample(samples);
  }
  if (amqp_sink_) amqp_sink_->sample(samples, clock_.wall_us());
  for (const auto& thread : threads_) thread->sample(samples);
  http_.sample(samples);
  const LogFigures log = log_figures();
  samples.push_back({Metric::log_lines, static_cast<double>(log.lines), {}});
  samples.push_back({Metric::log_suppressed, static_cast<double>(log.suppressed), {}});
  samples.push_back({Metric::log_lost, static_cast<double>(log.lost), {}});
  samples.push_back({Metric::reloads, static_cast<double>(reloads_done_), {{"outcome", "done"}}});
  samples.push_back(
      {Metric::reloads, static_cast<double>(reloads_refused_), {{"outcome", "refused"}}});
  return samples;
}

std::vector<Check> Node::liveness() const {
  std::vector<Check> checks;
  for (const auto& runner : threads_) {
    if (!may_wait(*runner)) checks.push_back(cycles_check(*runner, kHeartbeatAgeMax));
  }
  return checks;
}

// Those that wait for a name server, a broker or a disk are as alive as these are; to start the
// relay anew because of them would only end what works.
std::optional<Duration> Node::may_wait(const AgentRunner& runner) const {
  if (&runner == history_thread_ || &runner == spool_thread_) return kDiskAgeMax;
  const bool waits = &runner == amqp_source_thread_ || &runner == amqp_sink_thread_ ||
                     &runner == amqp_watch_thread_ || &runner == upstream_thread_;
  return waits ? std::optional(kBrokerAgeMax) : std::nullopt;
}

std::vector<Check> Node::readiness() const {
  std::vector<Check> checks = liveness();
  checks.push_back({"not stopping", !stopping_, stopping_ ? "the relay is draining" : ""});
  if (spool_agent_) {
    const std::string trouble = spool_agent_->trouble();
    checks.push_back({"spool takes events", trouble.empty(), trouble});
  }
  // What was taken waits in the spool meanwhile: that is what it is for.
  if (upstream_) {
    const std::string trouble = upstream_->trouble();
    checks.push_back({"upstream takes events", trouble.empty(), trouble, false});
    const std::string loops = upstream_->loops();
    checks.push_back({"upstream is no loop", loops.empty(),
                      loops.empty() ? "" : "what is sent to " + loops + " comes back"});
  }
  const auto add_bridge = [&](const char* name, const std::string& trouble) {
    checks.push_back({name, trouble.empty(), trouble});
  };
  for (const auto& runner : threads_) {
    if (const auto most = may_wait(*runner)) checks.push_back(cycles_check(*runner, *most));
  }
  const auto add_note = [&](const char* name, const std::string& note) {
    checks.push_back({name, note.empty(), note, false});
  };
  if (amqp_source_) {
    add_bridge("amqp source takes events", amqp_source_->link().trouble());
    add_note("amqp source has a topic exchange", amqp_source_->link().note());
  }
  if (amqp_sink_) {
    add_bridge("amqp sink publishes", amqp_sink_->link().trouble());
    if (!config_.amqp_sink.exchange.empty())
      add_note("amqp sink has a topic exchange", amqp_sink_->link().note());
  }
  add_note("stored times keep to the clock", clock_trouble());
  const Duration stalled = pipeline_.stalled_for(clock_.now());
  const bool flows = stalled < kStallMax;
  checks.push_back(
      {"data flows", flows,
       flows ? ""
             : fmt::format("a subscriber with the policy block, or the spool, has held everything "
                           "up for {:.1f} s",
                           std::chrono::duration<double>(stalled).count())});
  // Data flows, so this makes nobody unready; but somebody asked for something else.
  checks.push_back(
      {"block is kept to", true,
       block_budget_.allows()
           ? ""
           : fmt::format("subscribers with the policy block held everything up for {:g} s "
                         "(pipeline.block_budget); for now they are not waited for, and what they "
                         "are too slow for is dropped",
                         std::chrono::duration<double>(block_budget_.budget()).count())});
  return checks;
}

std::vector<TapBoard::Row> Node::taps() const {
  std::vector<TapBoard::Row> rows = publish_.board().rows();
  const auto add = [&rows](const TapBoard& board) {
    const std::vector<TapBoard::Row> more = board.rows();
    rows.insert(rows.end(), more.begin(), more.end());
  };
  add(stream_.board());
  if (spool_agent_) add(spool_agent_->board());
  if (state_) add(state_->board());
  if (upstream_) add(upstream_->board());
  if (amqp_sink_) add(amqp_sink_->board());
  return rows;
}

}  // namespace xylem
