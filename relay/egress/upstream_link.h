#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "relay/client/acked_link.h"
#include "relay/event/batch.h"
#include "relay/session/acked_sender.h"
#include "relay/spool/log_catalog.h"

namespace xylem {

// One relay upstream: the acked link to it and the batches that are under way on it. One owner
// thread, that of the Upstream.
class UpstreamLink final : AckedLink::Store {
 public:
  struct Options {
    Address relay;
    std::string name;  // how the relay's log calls us
    AckLevel level = AckLevel::written;
    std::uint64_t window_bytes = std::uint64_t{8} << 20;
    RelayId own{};           // the relay that sends
    bool recovered = false;  // the relay may know the source from a life before this one
  };
  struct UnderWay {
    BatchRef batch;
    LogPosition begin;  // of its record in the log
    std::uint64_t events = 0;
  };

  // `first` is the number of the first batch that will be offered, as far as is known.
  UpstreamLink(const Options& options, Context& context, SourceId source, BatchNumber first,
               const Clock& clock);

  // Returns how much moved.
  [[nodiscard]] std::size_t do_work(Instant now) { return link_.do_work(now); }
  [[nodiscard]] bool has_work() { return link_.has_work(); }
  [[nodiscard]] int fd() const { return link_.fd(); }

  // Whether another batch may be offered, and would leave at once.
  [[nodiscard]] bool wants_more() const { return link_.is_welcome() && sender_.window_open(); }
  // Whether the next batch may have this number, which may leave some out behind the last only once
  // nothing is under way.
  [[nodiscard]] bool can_take(BatchNumber number) const {
    return under_way_.empty() || number == next_number();
  }
  [[nodiscard]] BatchNumber next_number() const {
    return sender_.first_unacked().after(sender_.unacked_batches());
  }
  // REQUIRES can_take(number), number >= next_number(). `begin` is its record's place in the log.
  void offer(std::unique_ptr<Batch> batch, BatchNumber number, const LogPosition& begin);
  // What has been acknowledged since the last call, in events.
  [[nodiscard]] std::uint64_t settle();
  // What the relay refused for good since the last call, in events.
  [[nodiscard]] std::uint64_t take_refused() { return std::exchange(refused_events_, 0); }
  // What is under way becomes the caller's, and the numbering begins anew under another name: it
  // may have arrived or not.
  [[nodiscard]] std::deque<UnderWay> abandon(SourceId source);
  void close() { link_.close(); }

  [[nodiscard]] const std::deque<UnderWay>& under_way() const { return under_way_; }
  [[nodiscard]] const AckedLink& link() const { return link_; }
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] SourceId source() const { return source_; }
  // Of its whole life, whatever the source was called.
  [[nodiscard]] std::uint64_t resent() const { return resent_before_ + sender_.resent(); }

 private:
  [[nodiscard]] BatchRef batch(BatchNumber number) override;
  void give_up(BatchNumber number, const std::string& why) override;

  std::string address_;
  SourceId source_;
  AckedSender::Options window_;
  AckedSender sender_;
  AckedLink link_;
  std::deque<UnderWay>
      under_way_;  // from the first that is not acknowledged; bounded by the window
  BatchNumber first_under_way_;
  std::uint64_t refused_events_ = 0;
  std::uint64_t resent_before_ = 0;  // by the senders that abandon() has replaced
};

}  // namespace xylem
