#include "relay/egress/upstream.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "relay/codec/batch_split.h"
#include "relay/codec/shaped_batch.h"
#include "relay/egress/rendezvous.h"

namespace xylem {
namespace {

constexpr const char* kCursorName = "upstream.cursor";
// Hostnames whose relay is remembered, with what each costs besides its text; beyond, all are
// worked out anew, and one that is longer than any host's every time.
constexpr std::size_t kHostnamesBytesMax = std::size_t{4} << 20;
constexpr std::size_t kHostnameOverheadBytes = 96;
constexpr std::size_t kHostnameBytesMax = 512;
constexpr Duration kAbsent = std::chrono::seconds(1);
constexpr Duration kAbsentAtStart = std::chrono::seconds(3);

LogPosition begin_of(const Batch& batch) { return {batch.epoch(), batch.first_sequence()}; }

std::string joined(const std::vector<std::string>& addresses) {
  return fmt::format("{}", fmt::join(addresses, " "));
}

}  // namespace

Upstream::Upstream(const Options& options, Context& context, Spool& spool, const Clock& clock)
    : options_(options),
      context_(context),
      clock_(clock),
      log_(clock),
      random_(options.seed),
      consumer_(spool, kCursorName) {
  for (const Address& address : options_.connect) {
    addresses_.push_back(address.text());
    there_.push_back(true);
    shown_.push_back(std::make_unique<Published<Shown>>());
  }
  seen_at_.resize(addresses_.size());
  connected_.resize(addresses_.size());
  chain_.add(options_.relay);
  chain_shown_.publish(chain_);
  entry_ = board_.add(joined(addresses_), "#", std::string(name_of(spool.options().overflow)));
}

Result<void> Upstream::open() {
  auto opened = consumer_.open();
  cursor_ = consumer_.cursor();
  return opened;
}

Result<void> Upstream::on_start() {
  const bool one = addresses_.size() == 1;
  // A name goes with its numbers: without the cursor's, everything begins anew.
  const bool recovered = one && cursor_.source.value != 0;
  by_record_ = one;
  if (!recovered) cursor_.source = new_source();
  const BatchNumber first{one ? std::max<std::uint64_t>(cursor_.number.value, 1) : 1};
  for (const Address& address : options_.connect) {
    const UpstreamLink::Options link{
        address, options_.name, options_.level, options_.window_bytes, options_.relay, recovered};
    links_.push_back(std::make_unique<UpstreamLink>(
        link, context_, one ? cursor_.source : new_source(), first, clock_));
  }
  consumer_.start();
  welcome_at_.assign(links_.size(), clock_.now());
  show();
  return {};
}

std::size_t Upstream::do_work(Instant now) {
  std::size_t work = 0;
  for (const auto& link : links_) work += link->do_work(now);
  settle();
  begin_anew_where_too_large();
  if (links_.size() > 1) review_relays(now);
  const std::size_t sent = read_log(now);
  // What was just offered leaves in the same turn.
  for (const auto& link : links_) work += sent != 0 ? link->do_work(now) : 0;
  work += sent;
  // What waits grows also while nobody takes it.
  const bool due = now - saved_at_ >= kSaveInterval;
  if (due) save(now);
  if (work != 0 || due) show();
  return work;
}

bool Upstream::all_want_more() const {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    if (there_[i] && !links_[i]->wants_more()) return false;
  }
  return !returning_;
}

bool Upstream::waits_for_acks() const {
  if (!by_record_ || !waiting_) return false;
  if (!goes_whole(*waiting_->batch)) return !links_[0]->under_way().empty();
  return !links_[0]->can_take({waiting_->number.value});
}

bool Upstream::has_entry() {
  if (!waiting_) waiting_ = consumer_.next();
  return waiting_.has_value();
}

std::size_t Upstream::read_log(Instant) {
  std::size_t sent = 0;
  while (sent < kBatchesPerTurn && all_want_more() && has_entry() && can_send_on()) {
    send_on(*std::exchange(waiting_, std::nullopt));
    ++sent;
  }
  if (sent != 0) consumer_.need(done());
  return sent;
}

bool Upstream::can_send_on() {
  if (waits_for_acks()) return false;
  if (!by_record_ || goes_whole(*waiting_->batch)) return true;
  count_parts();
  static_cast<void>(links_[0]->abandon(new_source()));
  return all_want_more();
}

// From now on batches have numbers of their own, under names that do not outlive this life.
void Upstream::count_parts() {
  XYLEM_LOG(warning, "upstream {} takes frames of {} bytes at most; larger batches go in parts",
            links_[0]->address(), links_[0]->link().frame_bytes_max());
  by_record_ = false;
  cursor_.source = {};
}

// A relay that came back with a lower limit takes nothing that is under way to it as it is.
void Upstream::begin_anew_where_too_large() {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    if (!links_[i]->link().is_too_narrow()) continue;
    if (by_record_) count_parts();
    send_again(i);
  }
}

// It may have arrived, or not.
void Upstream::send_again(std::size_t relay) {
  for (const UpstreamLink::UnderWay& moved : links_[relay]->abandon(new_source())) {
    if (moved.batch->size() != 0) send_split(*moved.batch, moved.begin);
  }
}

FrameLimits Upstream::limits_of(const UpstreamLink& link) {
  return {static_cast<std::size_t>(link.link().frame_bytes_max())};
}

bool Upstream::goes_whole(const Batch& batch) const {
  const FrameLimits limits = limits_of(*links_[0]);
  if (limits.bytes_max >= options_.frame.bytes_max) {
    return batch.frame().size() <= limits.bytes_max;
  }
  return fits(batch, limits);
}

void Upstream::send_on(LogReader::Entry entry) {
  const LogPosition begin = begin_of(*entry.batch);
  cursor_.number = entry.number.after(1);
  if (!by_record_) return send_split(*entry.batch, begin);
  const BatchNumber number{entry.number.value};
  if (number < links_[0]->next_number()) {
    // The log has lost what it had given numbers to; these must not be taken for those.
    cursor_.source = new_source();
    static_cast<void>(links_[0]->abandon(cursor_.source));
  }
  offer(*links_[0], std::move(entry.batch), number, begin);
}

void Upstream::send_split(const Batch& batch, const LogPosition& begin) {
  if (links_.size() == 1) {
    return send_part(batch, std::vector<bool>(batch.size(), true), *links_[0], begin);
  }
  const std::unique_ptr<Batch> plain = batch.is_shaped() ? expand(batch) : nullptr;
  const Batch& readable = plain ? *plain : batch;
  std::vector<std::size_t> relays;
  for (const EventEntry& event : readable.entries()) {
    relays.push_back(relay_for(hostname_.of(readable.body_of(event))));
  }
  std::vector<bool> wanted(batch.size());
  for (std::size_t relay = 0; relay < links_.size(); ++relay) {
    bool any = false;
    for (std::size_t i = 0; i < relays.size(); ++i) {
      wanted[i] = relays[i] == relay;
      any |= wanted[i];
    }
    if (any) send_part(batch, wanted, *links_[relay], begin);
  }
}

// An event that is alone above what the relay upstream takes is not sent, and said so.
void Upstream::send_part(const Batch& batch, const std::vector<bool>& wanted, UpstreamLink& link,
                         const LogPosition& begin) {
  Split parts = split(batch, wanted, limits_of(link), Positions::counted);
  for (auto& part : parts.batches) offer(link, std::move(part), link.next_number(), begin);
  if (parts.too_large == 0) return;
  ledger_.dropped[static_cast<std::size_t>(DropReason::too_large)] += parts.too_large;
  log_.warn("too_large " + link.address(),
            fmt::format("upstream {} takes frames of {} bytes at most; {} events above that are "
                        "not sent",
                        link.address(), link.link().frame_bytes_max(), parts.too_large));
}

void Upstream::offer(UpstreamLink& link, std::unique_ptr<Batch> batch, BatchNumber number,
                     const LogPosition& begin) {
  delivered_bytes_ += batch->frame().size();
  link.offer(std::move(batch), number, begin);
}

std::size_t Upstream::relay_for(std::string_view hostname) {
  if (hostname.size() > kHostnameBytesMax) return rendezvous(hostname, addresses_, there_);
  if (relay_of_bytes_ >= kHostnamesBytesMax) forget_relays_of();
  const auto [known, made] = relay_of_.try_emplace(std::string(hostname), 0);
  if (made) {
    known->second = rendezvous(hostname, addresses_, there_);
    relay_of_bytes_ += hostname.size() + kHostnameOverheadBytes;
  }
  return known->second;
}

void Upstream::forget_relays_of() {
  relay_of_.clear();
  relay_of_bytes_ = 0;
}

void Upstream::review_relays(Instant now) {
  const bool others = std::count(there_.begin(), there_.end(), true) > 1;
  for (std::size_t i = 0; i < links_.size(); ++i) {
    const bool up = links_[i]->link().is_welcome();
    if (up || seen_at_[i] == Instant{}) seen_at_[i] = now;
    if (there_[i] && others && now - seen_at_[i] > options_.failover_after) {
      return move_away_from(i);
    }
    if (!there_[i] && up && !returning_) returning_ = i;
  }
  if (returning_ && !links_[*returning_]->link().is_welcome()) returning_.reset();
  if (!returning_ || anything_under_way()) return;
  XYLEM_LOG(info, "upstream {} is back; its workers return to it", addresses_[*returning_]);
  there_[*returning_] = true;
  returning_.reset();
  forget_relays_of();
  ++moves_;
}

// Its workers' events that it has not acknowledged go to where those that follow will go.
void Upstream::move_away_from(std::size_t relay) {
  XYLEM_LOG(warning, "upstream {} has been away for {} s; its workers move to the others",
            addresses_[relay],
            std::chrono::duration_cast<std::chrono::seconds>(options_.failover_after).count());
  there_[relay] = false;
  forget_relays_of();
  ++moves_;
  send_again(relay);
}

void Upstream::settle() {
  for (const auto& link : links_) {
    ledger_.delivered += link->settle();
    ledger_.dropped[static_cast<std::size_t>(DropReason::refused)] += link->take_refused();
  }
}

bool Upstream::anything_under_way() const {
  return std::any_of(links_.begin(), links_.end(),
                     [](const auto& link) { return !link->under_way().empty(); });
}

LogPosition Upstream::done() const {
  LogPosition first = waiting_ ? begin_of(*waiting_->batch) : consumer_.read();
  for (const auto& link : links_) {
    for (const UpstreamLink::UnderWay& batch : link->under_way()) {
      first = std::min(first, batch.begin);
      // With one relay they are in order.
      if (links_.size() == 1) break;
    }
  }
  return first;
}

void Upstream::save(Instant now) {
  saved_at_ = now;
  CursorFile::Cursor cursor = cursor_;
  cursor.position = done();
  if (by_record_ && !links_[0]->under_way().empty()) {
    cursor.number = {links_[0]->next_number().value - links_[0]->under_way().size()};
  }
  consumer_.save(cursor);
}

// One that was never there is told of like one that went away.
void Upstream::say_who_is_there() {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    const bool connected = links_[i]->link().is_welcome();
    if (connected) welcome_at_[i] = clock_.now();
    // A Hello that is just being answered is no absence, nor is a relay that starts with us.
    const Duration patience = connected_[i] ? kAbsent : kAbsentAtStart;
    if (connected == connected_[i] || (!connected && clock_.now() - welcome_at_[i] < patience)) {
      continue;
    }
    connected_[i] = connected;
    if (connected) {
      away_.erase(addresses_[i]);
      XYLEM_LOG(info, "upstream {} takes events", addresses_[i]);
    } else {
      say_away(i);
    }
    const std::lock_guard lock(trouble_mutex_);
    trouble_.clear();
    for (const auto& [address, why] : away_) {
      trouble_ += fmt::format("{}{}: {}", trouble_.empty() ? "" : "; ", address, why);
    }
  }
}

void Upstream::say_away(std::size_t relay) {
  const AckedLink& link = links_[relay]->link();
  std::string why = link.refusal();
  if (why.empty()) {
    why = link.connections() != 0 ? "the connection is lost, or no relay's acked endpoint is there"
                                  : "nobody answers as a relay's acked endpoint";
  }
  if (!link.is_loop()) {  // which the link has told of
    log_.warn("away " + addresses_[relay],
              fmt::format("upstream {} is away ({}); what comes waits in the spool",
                          addresses_[relay], printable(why, 200)));
  }
  away_[addresses_[relay]] = std::move(why);
}

std::string Upstream::trouble() const {
  const std::lock_guard lock(trouble_mutex_);
  return trouble_;
}

std::string Upstream::loops() const {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < shown_.size(); ++i) {
    if (shown_[i]->read().loop != 0) found.push_back(addresses_[i]);
  }
  return joined(found);
}

void Upstream::show() {
  say_who_is_there();
  consumer_.need(done());
  std::uint64_t under_way = 0;
  std::uint64_t held_bytes = 0;
  RelayChain chain;
  chain.add(options_.relay);
  for (std::size_t i = 0; i < links_.size(); ++i) {
    const UpstreamLink& link = *links_[i];
    for (const UpstreamLink::UnderWay& batch : link.under_way()) {
      under_way += batch.events;
      held_bytes += batch.batch->frame().size();
    }
    shown_[i]->publish({link.link().is_welcome(), link.link().connections(), link.resent(),
                        link.under_way().size(), link.link().is_loop()});
    chain.add(link.link().relays());
  }
  if (chain != chain_) chain_shown_.publish(chain_ = chain);
  if (waiting_) under_way += waiting_->batch->size();
  consumer_.account(ledger_, under_way);
  TapFigures figures;
  figures.ledger = ledger_;
  figures.held_bytes = held_bytes;
  figures.delivered_bytes = delivered_bytes_;
  entry_->figures.publish(figures);
  moves_shown_.store(moves_, std::memory_order_relaxed);
}

bool Upstream::has_work() {
  for (const auto& link : links_) {
    if (link->has_work()) return true;
  }
  return all_want_more() && !waits_for_acks() && (waiting_ || consumer_.has_more());
}

void Upstream::wait_fds(std::vector<int>& fds) const {
  for (const auto& link : links_) {
    if (link->fd() >= 0) fds.push_back(link->fd());
  }
}

Agent::Drain Upstream::drain(Instant now) {
  static_cast<void>(do_work(now));
  const bool anybody = std::any_of(links_.begin(), links_.end(),
                                   [](const auto& link) { return link->link().is_welcome(); });
  const bool empty = !waiting_ && !consumer_.has_more() && !anything_under_way();
  return empty || !anybody ? Drain::finished : Drain::unfinished;
}

std::uint64_t Upstream::on_stop() {
  settle();
  save(clock_.now());
  show();
  if (ledger_.held != 0) {
    XYLEM_LOG(info, "upstream: {} events stay in the spool, to be sent after the next start",
              ledger_.held);
  }
  for (const auto& link : links_) link->close();
  return 0;
}

void Upstream::sample(Samples& samples, std::int64_t now_us) const {
  board_.sample(samples, now_us);
  for (std::size_t i = 0; i < shown_.size(); ++i) {
    const Shown shown = shown_[i]->read();
    const auto add = [&](Metric metric, std::uint64_t value) {
      samples.push_back({metric, static_cast<double>(value), {{"upstream", addresses_[i]}}});
    };
    add(Metric::upstream_connected, shown.connected);
    add(Metric::upstream_connections, shown.connections);
    add(Metric::upstream_resent, shown.resent);
    add(Metric::upstream_unacked_batches, shown.unacked);
    add(Metric::upstream_loop, shown.loop);
  }
  samples.push_back({Metric::upstream_moves,
                     static_cast<double>(moves_shown_.load(std::memory_order_relaxed)),
                     {}});
}

}  // namespace xylem
