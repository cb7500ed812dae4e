#include "relay/egress/publish_egress.h"

#include <algorithm>
#include <array>

#include "relay/base/limits.h"
#include "relay/base/log.h"
#include "relay/codec/batch_codec.h"
#include "relay/codec/shaped_batch.h"
#include "relay/transport/native_figures.h"

namespace xylem {

PublishEgress::PublishEgress(Options options, Context& context, SinkEdge& edge,
                             BlockBudget& block_budget)
    : options_(std::move(options)), context_(context), edge_(edge), block_budget_(block_budget) {
  entry_ = board_.add("publish", "(prefixes)", options_.block ? "block" : "drop_newest");
}

Result<void> PublishEgress::on_start() {
  SocketOptions socket;
  socket.send_hwm = options_.send_hwm;
  socket.send_bytes_max = options_.send_bytes_max;
  socket.frame_bytes_max = kSubscriptionFrameBytesMax;
  socket.linger_ms = 1'000;  // what was handed over gets a moment to leave
  if (auto made = Socket::open(socket_, context_, SocketKind::xpub, socket); !made) return made;
  socket_->refuse_when_full(true);
  for (const Address& address : options_.listen) {
    XYLEM_TRY(Address bound, socket_->bind(address));
    bound_.push_back(bound);
  }
  fd_ = socket_->fd();
  return {};
}

std::size_t PublishEgress::do_work(Instant now) {
  turn_at_ = now;
  std::size_t work = read_subscriptions();
  bool waits = false;
  std::size_t events = 0;
  std::size_t cost = 0;
  for (std::size_t batches = 0; batches < kBatchesPerTurn; ++batches) {
    if (events >= kEventsPerTurn || cost >= kMatchingPerTurn) break;
    if (!batch_) {
      std::array<const Batch*, 1> next;
      if (edge_.pop(next) == 0) break;
      cost += begin(BatchRef::adopt(next[0]));
      ++work;
      if (!batch_) continue;
    }
    const std::size_t before = next_entry_;
    const bool goes_on = send_some(kEventsPerTurn - events);
    events += next_entry_ - before;
    waits = !goes_on;
    if (waits) break;
    if (next_entry_ == batch_->size()) batch_ = {};
  }
  work += events;
  block_budget_.note(BlockBudget::Endpoint::publish, waits, now);
  if (work != 0) show();
  return work;
}

// libzmq queues these without bound, so they are read whether or not there is anything to send.
std::size_t PublishEgress::read_subscriptions() {
  std::size_t read = 0;
  for (Frame frame; read < kSubscriptionsPerTurn && socket_->receive(frame); ++read) {
    on_subscription(frame);
  }
  if (read != 0) {
    prefixes_shown_.store(prefixes_.size(), std::memory_order_relaxed);
    prefix_bytes_shown_.store(prefix_bytes_, std::memory_order_relaxed);
  }
  return read;
}

void PublishEgress::on_subscription(const Frame& frame) {
  const std::string_view text = frame.text();
  if (text.empty()) return;
  const std::string_view prefix = text.substr(1);
  if (text.front() == '\x01' && frame.has_peer()) add_prefix(prefix);
  if (text.front() != '\x00') return;
  if (frame.has_peer()) {
    cancels_.fetch_add(1, std::memory_order_relaxed);
    return socket_->ask_whether_gone(prefix);
  }
  if (prefixes_.remove(prefix)) prefix_bytes_ -= prefix.size() + kPrefixOverheadBytes;
}

void PublishEgress::add_prefix(std::string_view prefix) {
  if (everything_wanted_ || !prefixes_.add(prefix)) return;
  prefix_bytes_ += prefix.size() + kPrefixOverheadBytes;
  if (prefix_bytes_ <= kPrefixBytesMax) return;
  XYLEM_LOG(warning,
            "publish subscribers want {} prefixes, too many to keep count of; until the relay "
            "starts again every event is handed to ZeroMQ",
            prefixes_.size());
  everything_wanted_ = true;
  prefix_bytes_ = 0;
  prefixes_.clear();
}

bool PublishEgress::wanted(std::string_view key, std::size_t& cost) const {
  return everything_wanted_ || prefixes_.begins(key, cost);
}

// Leaves in batch_ what anybody wants, as plain subscribers read it; nothing if nobody does.
std::size_t PublishEgress::begin(BatchRef batch) {
  std::size_t cost = 0;
  key_wanted_.clear();
  std::uint64_t events = 0;
  Ledger& ledger = figures_.ledger;
  const bool late = batch->origin().age_us > kHeartbeatAgeMaxUs;
  std::uint64_t stale = 0;
  for (const BatchKey& key : batch->keys()) {
    const bool has_takers = wanted(key.text, cost);
    const bool is_stale = has_takers && late && key.text == "worker.heartbeat";
    key_wanted_.push_back(has_takers && !is_stale);
    if (key_wanted_.back()) events += key.events;
    if (is_stale) stale += key.events;
  }
  // A plain SUB cannot tell the past from the present, and Celery's State would mix them.
  if (batch->is_replayed()) events = stale = 0;
  ledger.dropped[static_cast<std::size_t>(DropReason::stale)] += stale;
  ledger.accepted += batch->size();
  ledger.held += events;
  ledger.filtered += batch->size() - events - stale;
  next_entry_ = 0;
  batch_ = {};
  if (events == 0) return cost;
  batch_ = events == batch->size() ? std::move(batch) : BatchRef(gather(*batch, key_wanted_));
  if (batch_->is_shaped()) batch_ = BatchRef(expand(*batch_));
  return cost;
}

bool PublishEgress::send_some(std::size_t events_max) {
  Ledger& ledger = figures_.ledger;
  const auto entries = batch_->entries();
  const std::size_t end = next_entry_ + std::min(events_max, entries.size() - next_entry_);
  for (; next_entry_ < end; ++next_entry_) {
    const EventEntry& entry = entries[next_entry_];
    const std::string_view key = batch_->key_of(entry);
    const std::string_view body = batch_->body_of(entry);
    if (send_event(key, body) == SendOutcome::full) {
      if (options_.block && block_budget_.allows()) return false;
      // Once more, to those that have room.
      socket_->refuse_when_full(false);
      static_cast<void>(send_event(key, body));
      socket_->refuse_when_full(true);
      ledger.drop_held(DropReason::subscriber_full, 1);
      continue;
    }
    --ledger.held;
    ++ledger.delivered;
    figures_.delivered_bytes += body.size();
  }
  return true;
}

SendOutcome PublishEgress::send_event(std::string_view key, std::string_view body) {
  Frame first = Frame::lent(key);
  if (const SendOutcome outcome = socket_->send(first, true); outcome != SendOutcome::sent) {
    return outcome;
  }
  Frame second = Frame::lent(body);
  return socket_->send(second);
}

void PublishEgress::show() {
  const bool holds = batch_ && figures_.ledger.held != 0;
  figures_.held_bytes = holds ? batch_->bodies().size() : 0;
  figures_.oldest_held_us = holds ? batch_->received_us() : 0;
  entry_->figures.publish(figures_);
}

bool PublishEgress::has_work() {
  if (socket_->readable()) return true;
  if (!batch_) return !edge_.empty();
  // An XPUB socket always says that it is writable; only trying tells.
  const std::size_t before = next_entry_;
  return send_some(1) || next_entry_ != before;
}

// The budget of those who hold everything up runs out by the clock.
std::optional<Instant> PublishEgress::due() const {
  if (!batch_) return std::nullopt;
  return turn_at_ + kBudgetInterval;
}

void PublishEgress::wait_fds(std::vector<int>& fds) const { fds.push_back(fd_); }

Agent::Drain PublishEgress::drain(Instant now) {
  // Bounded, so that peers who never pause cannot keep the deadline from being looked at.
  for (int rounds = 0; rounds < kRoundsPerDrain && do_work(now) != 0; ++rounds) {
  }
  return batch_ || !edge_.empty() ? Drain::unfinished : Drain::finished;
}

std::uint64_t PublishEgress::on_stop() {
  std::array<const Batch*, 1> rest;
  std::uint64_t left = figures_.ledger.held;
  figures_.ledger.drop_held(DropReason::stopping, left);
  batch_ = {};
  while (edge_.pop(rest) != 0) {
    begin(BatchRef::adopt(rest[0]));
    left += figures_.ledger.held;
    figures_.ledger.drop_held(DropReason::stopping, figures_.ledger.held);
    batch_ = {};
  }
  show();
  socket_.reset();
  return left;
}

void PublishEgress::sample(Samples& samples, std::int64_t now_us) const {
  board_.sample(samples, now_us);
  const auto add = [&](Metric metric, const std::atomic<std::uint64_t>& value) {
    samples.push_back({metric, static_cast<double>(value.load(std::memory_order_relaxed)), {}});
  };
  add(Metric::publish_subscriptions, prefixes_shown_);
  add(Metric::publish_prefix_bytes, prefix_bytes_shown_);
  samples.push_back(
      {Metric::publish_cancels,
       static_cast<double>(cancels_.load(std::memory_order_relaxed) +
                           context_.native_figures().cancels.load(std::memory_order_relaxed)),
       {}});
}

}  // namespace xylem
