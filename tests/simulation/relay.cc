#include "tests/simulation/relay.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <numeric>
#include <utility>

namespace xylem::simulation {
namespace {

Admission::Options admission_of(const SourceLimits& limits) {
  return {limits, std::min<std::size_t>(limits.message_bytes_max / 2, std::size_t{16} << 10)};
}

AckedIngest::Options acked_options(const Relay::Options& options) {
  AckedIngest::Options made;
  made.listen = {address_of(options.acked)};
  made.admission = admission_of(options.limits);
  made.limits.window_bytes = std::uint64_t{16} << 10;
  made.limits.frame_bytes_max =
      options.frame_bytes_told != 0 ? options.frame_bytes_told : options.limits.message_bytes_max;
  made.limits.level_max = AckLevel::synced;
  return made;
}

Upstream::Options upstream_options(const Relay::Options& options, std::uint64_t seed) {
  Upstream::Options made = options.upstream_options;
  made.name = options.name;
  made.seed = seed;
  made.frame = options.limits.frame();
  for (const std::string& address : options.upstream) made.connect.push_back(address_of(address));
  return made;
}

// A turn of the history passes over so much of its log, which is small, too.
constexpr std::uint64_t kPassBytes = 4 << 10;

Result<Epoch> begin_epoch(Spool& spool, const Clock& clock) {
  return spool.begin_epoch(AscendingClock(clock, spool.newest_us()).wall_us());
}

}  // namespace

Relay::Counts& Relay::Counts::operator+=(const Counts& more) {
  for (const auto count :
       {&Counts::starts, &Counts::failed_starts, &Counts::kills, &Counts::power_losses,
        &Counts::stops, &Counts::moves, &Counts::resent, &Counts::duplicates, &Counts::stalls,
        &Counts::set_aside, &Counts::refused, &Counts::too_large}) {
    this->*count += more.*count;
  }
  for (std::size_t i = 0; i < dropped.size(); ++i) dropped[i] += more.dropped[i];
  return *this;
}

// The workers on a relay's own machine: what PushIngest is to a relay, without its socket. They
// learn what is safe as an acked source would. Strangers come by the same door.
class Relay::LocalWorkers final : Admission::Refused, Admission::Outlet {
 public:
  LocalWorkers(SourceEdge& edge, const LogProgress& progress, const Options& options,
               Oracle& oracle)
      : edge_(edge),
        outbox_(edge),
        progress_(progress),
        level_(options.local_level),
        oracle_(oracle),
        admission_(admission_of(options.limits), *this, *this) {}

  void take_in(const std::vector<Oracle::Id>& events) {
    for (const Oracle::Id id : events) {
      if (!outbox_.has_room() || edge_.room() < kBatchesPerTurn) break;
      admission_.admit_json(Oracle::key_of(id), oracle_.body_of(id));
      taken_.push_back(id);
    }
    admission_.flush();
    outbox_.ring();
  }
  void take_in_strange(const std::optional<std::string>& key, const testing::Bytes& body) {
    if (!outbox_.has_room()) return;
    strange_ = true;
    const testing::Exact exact(body);
    const std::string_view text{reinterpret_cast<const char*>(exact.bytes.get()), exact.size};
    key ? admission_.admit_json(*key, text) : admission_.admit_batch(exact.span());
    admission_.flush();
    strange_ = false;
    outbox_.ring();
  }
  [[nodiscard]] bool all_safe() const {
    return outbox_.empty() && unstamped_.empty() && waiting_.empty();
  }
  void settle() {
    static_cast<void>(outbox_.flush());
    outbox_.ring();
    const auto stamped = edge_.stamped();
    for (; !unstamped_.empty() && unstamped_.front().pushed <= stamped.batches;) {
      waiting_.push_back(std::move(unstamped_.front()));
      waiting_.back().last = {stamped.last};
      unstamped_.pop_front();
    }
    const Sequence safe = level_ == AckLevel::synced ? progress_.synced() : progress_.written();
    for (; !waiting_.empty() && waiting_.front().last <= safe; waiting_.pop_front()) {
      for (const Oracle::Id id : waiting_.front().events) oracle_.promised(id);
    }
  }

 private:
  static constexpr std::size_t kBatchesPerTurn = 4;  // that a turn's few events can become

  struct Pending {
    std::vector<Oracle::Id> events;
    std::uint64_t pushed = 0;
    Sequence last;
  };
  void on_refused(Refusal, std::string_view, std::size_t) override {
    if (!strange_) oracle_.violated("an event was refused");
  }
  void on_batch(std::unique_ptr<Batch> batch) override {
    outbox_.push(std::move(batch));
    unstamped_.push_back({std::exchange(taken_, {}), outbox_.batches(), {}});
  }

  SourceEdge& edge_;
  SourceOutbox outbox_;
  const LogProgress& progress_;
  AckLevel level_;
  Oracle& oracle_;
  Admission admission_;
  std::vector<Oracle::Id> taken_;
  bool strange_ = false;
  std::deque<Pending> unstamped_;
  std::deque<Pending> waiting_;
};

// One life of the process; node.cc has the same members in the same order.
struct Relay::Life {
  Life(const Options& options, Context& context, std::unique_ptr<Spool> held, Epoch begun,
       Oracle& oracle, const Clock& process_clock)
      : spool(std::move(held)),
        clock(process_clock, spool->newest_us()),
        epoch(begun),
        push_edge("push", options.ring_batches),
        acked_edge("acked", options.ring_batches),
        stream_edge("stream", options.ring_batches),
        spool_edge("spool", options.ring_batches),
        watch_edge("watch", options.ring_batches),
        acked(acked_options(options), context, acked_edge, &progress, clock),
        history_link(options.history),
        stream(stream_options(options), context, stream_edge, block_budget, epoch, clock,
               &history_link),
        history([this] { return spool->reader(kPassBytes); }, history_link),
        pipeline(epoch, clock, {&push_edge, &acked_edge}, {&stream_edge, &spool_edge, &watch_edge}),
        local(push_edge, progress, options, oracle) {
    for (SourceEdge* edge : {&push_edge, &acked_edge}) edge->join(bell, bell);
    for (SinkEdge* edge : {&stream_edge, &spool_edge, &watch_edge}) edge->join(bell, bell);
    history_link.join(bell, bell);
  }
  static StreamEgress::Options stream_options(const Options& options) {
    StreamEgress::Options made = options.stream_egress;
    made.listen = {address_of(options.stream)};
    return made;
  }
  // As Node::add_spool() and Node::start().
  [[nodiscard]] Result<void> begin(const Options& options, Context& context, std::uint64_t seed) {
    acked.recover(spool->recovered().sources);
    RecordNumber newest;
    if (!options.upstream.empty()) {
      upstream.emplace(upstream_options(options, seed), context, *spool, clock);
      if (auto opened = upstream->open(); !opened) return opened;
      newest = upstream->newest();
    }
    spool_agent.emplace(options.spool_agent, *spool, newest, progress, spool_edge, clock);
    spool_agent->wake(bell);
    agents = {&acked, &pipeline, &*spool_agent, &stream, &history};
    if (upstream) agents.push_back(&*upstream);
    asleep_until.resize(agents.size());
    for (auto agent = agents.rbegin(); agent != agents.rend(); ++agent) {
      if (auto started = (*agent)->on_start(); !started) return started;
    }
    held_at_start = spool->catalog().account().unread;
    return {};
  }

  Doorbell bell;
  std::unique_ptr<Spool> spool;
  AscendingClock clock;
  LogProgress progress;
  Epoch epoch;
  SourceEdge push_edge;
  SourceEdge acked_edge;
  SinkEdge stream_edge;
  SinkEdge spool_edge;
  SinkEdge watch_edge;  // the oracle's
  AckedIngest acked;
  HistoryLink history_link;
  BlockBudget block_budget{Duration(0)};
  StreamEgress stream;
  HistoryAgent history;
  PipelineAgent pipeline;
  std::optional<SpoolAgent> spool_agent;
  std::optional<Upstream> upstream;
  LocalWorkers local;
  std::uint64_t held_at_start = 0;
  std::vector<Agent*> agents;  // in flow order
  std::vector<Instant> asleep_until;
  std::optional<Instant> stop_by;
  std::size_t stopped = 0;  // agents, from the front
};

Relay::Relay(Options options, Network& network, Oracle& oracle, const Instant& now,
             std::uint64_t seed)
    : options_(std::move(options)),
      network_(network),
      oracle_(oracle),
      now_(now),
      chance_(seed),
      clock_(now),
      context_(network.process(options_.name)),
      disk_(seed + 1) {}

Relay::~Relay() = default;

bool Relay::start() {
  auto spool = Spool::open(disk_.mount(), options_.spool);
  const Result<Epoch> epoch = spool ? begin_epoch(**spool, clock_) : Epoch{};
  if (!spool || !epoch) {
    ++counts_.failed_starts;
    return false;
  }
  counts_.set_aside += (*spool)->recovered().set_aside.size();
  auto life =
      std::make_unique<Life>(options_, *context_, std::move(*spool), *epoch, oracle_, clock_);
  if (!life->begin(options_, *context_, chance_.any())) {
    ++counts_.failed_starts;
    return false;
  }
  network_.wake(options_.name);
  oracle_.recovered(options_.name, life->epoch);
  ++counts_.starts;
  life_ = std::move(life);
  return true;
}

void Relay::note_figures() {
  Samples samples;
  life_->acked.sample(samples);
  life_->pipeline.sample(samples);
  if (life_->upstream) life_->upstream->sample(samples, clock_.wall_us());
  for (const Sample& sample : samples) {
    const auto value = static_cast<std::uint64_t>(sample.value);
    if (sample.metric == Metric::upstream_moves) counts_.moves += value;
    if (sample.metric == Metric::upstream_resent) counts_.resent += value;
    if (sample.metric == Metric::acked_duplicates) counts_.duplicates += value;
    if (sample.metric == Metric::pipeline_stalls) counts_.stalls += value;
    if (sample.metric == Metric::source_refused) {
      counts_.refused += value;
      const bool too_large = sample.labels[1].second == name_of(Refusal::event_too_large);
      counts_.too_large += too_large ? value : 0;
    }
  }
  oracle_.admitted_loss(dropped());
  if (!life_->upstream) return;
  const Ledger ledger = upstream_ledger();
  // What was read and not acknowledged the quota may have let go of; then it was in memory alone.
  if (has_small_quota()) {
    const LogCatalog::Account log = life_->spool->catalog().account();
    const std::uint64_t taken = life_->held_at_start + log.passed - log.unread;
    const std::uint64_t told = ledger.delivered + ledger.dropped_total();
    oracle_.admitted_loss(taken - std::min(taken, told));
  }
  for (std::size_t i = 0; i < kDropReasonCount; ++i) counts_.dropped[i] += ledger.dropped[i];
}

Ledger Relay::upstream_ledger() const {
  return life_->upstream->board().rows().front().figures.ledger;
}

bool Relay::has_small_quota() const {
  return options_.spool.bytes_max <= 4 * options_.spool.segment_bytes;
}

// What this life says to have let go of.
std::uint64_t Relay::dropped() const {
  const auto of = [](const TapBoard& board, DropReason reason) {
    return board.rows().front().figures.ledger.dropped[static_cast<std::size_t>(reason)];
  };
  if (!life_->upstream) return of(life_->spool_agent->board(), DropReason::spool_quota);
  const TapBoard& board = life_->upstream->board();
  // The catalog's count is newer than the board's.
  return life_->spool->catalog().account().dropped + of(board, DropReason::spool_damaged) +
         of(board, DropReason::too_large) + of(board, DropReason::refused);
}

void Relay::end(bool power_lost) {
  watch();
  check_ledgers();
  note_figures();
  oracle_.ended(options_.name, {life_->progress.written(), life_->progress.synced(), power_lost});
  if (power_lost) network_.silence(options_.name);
  life_.reset();
  if (power_lost) disk_.lose_power();
}

void Relay::kill() {
  ++counts_.kills;
  end(false);
}

void Relay::lose_power() {
  ++counts_.power_losses;
  end(true);
}

void Relay::stop(Instant deadline) {
  ++counts_.stops;
  life_->stop_by = deadline;
}

bool Relay::is_stopping() const { return life_ != nullptr && life_->stop_by.has_value(); }

// The oracle's ring never fills, so it changes nothing.
void Relay::watch() {
  for (std::array<const Batch*, 1> next{}; life_->watch_edge.pop(next) != 0;) {
    oracle_.stamped(options_.name, is_sidecar(), *BatchRef::adopt(next[0]));
  }
}

std::size_t Relay::turn(std::size_t at) {
  Agent& agent = *life_->agents[at];
  if (now_ < life_->asleep_until[at] || at < life_->stopped) return 0;
  if (!life_->stop_by || at != life_->stopped) {
    const std::size_t work = agent.do_work(now_);
    watch();
    return work;
  }
  const bool late = now_ >= *life_->stop_by;
  const bool finished = late || agent.drain(now_) == Agent::Drain::finished;
  watch();
  if (!finished) return 0;
  static_cast<void>(agent.on_stop());
  ++life_->stopped;
  return 1;
}

std::size_t Relay::work() {
  std::vector<std::size_t> order(life_->agents.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t left = order.size(); left > 1; --left) {
    std::swap(order[left - 1], order[chance_.below(left)]);
  }
  std::size_t work = 0;
  for (const std::size_t agent : order) work += turn(agent);
  life_->local.settle();
  if (life_->stop_by && life_->stopped == life_->agents.size()) end(false);
  return work;
}

void Relay::pause_one(Instant until) {
  life_->asleep_until[chance_.below(life_->agents.size())] = until;
}

void Relay::pause_all(Instant until) {
  for (Instant& asleep : life_->asleep_until) asleep = until;
}

void Relay::take_in(const std::vector<Oracle::Id>& events) { life_->local.take_in(events); }

void Relay::take_in_strange(std::optional<std::string> key, const testing::Bytes& body) {
  life_->local.take_in_strange(key, body);
}

Relay::Counts Relay::counts() const { return counts_; }

void Relay::check_ledgers() {
  std::vector<const TapBoard*> boards{&life_->stream.board(), &life_->spool_agent->board()};
  if (life_->upstream) boards.push_back(&life_->upstream->board());
  for (const TapBoard* board : boards) {
    for (const TapBoard::Row& row : board->rows()) {
      const Ledger& ledger = row.figures.ledger;
      if (ledger.balances()) continue;
      oracle_.violated(fmt::format(
          "{}: the ledger of {} {} does not balance: accepted {}, delivered {}, filtered {}, "
          "dropped {}, held {}",
          options_.name, row.sink, row.name, ledger.accepted, ledger.delivered, ledger.filtered,
          ledger.dropped_total(), ledger.held));
    }
  }
}

bool Relay::all_sent_on() const {
  if (life_ == nullptr || !life_->local.all_safe()) return false;
  if (!life_->upstream) return true;
  const std::vector<TapBoard::Row> rows = life_->upstream->board().rows();
  return std::all_of(rows.begin(), rows.end(),
                     [](const auto& row) { return row.figures.ledger.held == 0; });
}

std::pair<Epoch, Sequence> Relay::position() const {
  return {life_->epoch, life_->pipeline.next_sequence()};
}

std::string Relay::describe() const {
  if (life_ == nullptr) return fmt::format("{}: down", options_.name);
  std::string text = fmt::format(
      "{}: epoch {}, next {}, written {}, synced {}, trouble '{}'", options_.name,
      life_->epoch.value, life_->pipeline.next_sequence().value, life_->progress.written().value,
      life_->progress.synced().value, life_->spool_agent->trouble());
  if (life_->upstream) {
    Samples samples;
    life_->upstream->sample(samples, clock_.wall_us());
    for (const Sample& sample : samples) {
      if (sample.metric == Metric::upstream_connected) {
        text += fmt::format("; upstream {}connected", sample.value != 0 ? "" : "not ");
      }
      if (sample.metric == Metric::upstream_unacked_batches) {
        text += fmt::format(", {} batches under way", sample.value);
      }
    }
  }
  for (const TapBoard* board :
       {&life_->stream.board(), life_->upstream ? &life_->upstream->board() : nullptr}) {
    if (board == nullptr) continue;
    for (const TapBoard::Row& row : board->rows()) {
      const Ledger& ledger = row.figures.ledger;
      text +=
          fmt::format("; {} {}: accepted {}, delivered {}, held {}, dropped {}", row.sink, row.name,
                      ledger.accepted, ledger.delivered, ledger.held, ledger.dropped_total());
    }
  }
  return text;
}

}  // namespace xylem::simulation
