#include "relay/egress/upstream_link.h"

#include <utility>

#include "relay/base/check.h"
#include "relay/codec/batch_codec.h"

namespace xylem {
namespace {
constexpr int kLingerMs = 200;  // for the Bye
}

UpstreamLink::UpstreamLink(const Options& options, Context& context, SourceId source,
                           BatchNumber first, const Clock& clock)
    : address_(options.relay.text()),
      source_(source),
      window_{.window_bytes = options.window_bytes},
      sender_({.window_bytes = options.window_bytes, .recovered = options.recovered}, first),
      link_({.relay = options.relay,
             .name = options.name,
             .source = source,
             .level = options.level,
             .own = options.own,
             .linger_ms = kLingerMs},
            context, sender_, *this, clock),
      first_under_way_(first) {}

void UpstreamLink::offer(std::unique_ptr<Batch> batch, BatchNumber number,
                         const LogPosition& begin) {
  XYLEM_CHECK(can_take(number) && number >= next_number(), "batches in order");
  if (number != next_number()) {
    sender_.skip_to(number);
    link_.say_hello_again();
    first_under_way_ = number;
  }
  batch->stamp_for_link(source_, number,
                        clipped_difference(batch->received_us(), batch->origin().age_us));
  const std::uint64_t events = batch->size();
  BatchRef shared(std::move(batch));
  sender_.offer(shared->frame().size());
  under_way_.push_back({std::move(shared), begin, events});
}

BatchRef UpstreamLink::batch(BatchNumber number) {
  return under_way_[number.value - first_under_way_.value].batch;
}

void UpstreamLink::give_up(BatchNumber number, const std::string& why) {
  UnderWay& refused = under_way_[number.value - first_under_way_.value];
  XYLEM_LOG(error, "upstream {} refuses a batch whenever it comes: {}; {} events are not sent",
            address_, printable(why), refused.events);
  refused_events_ += std::exchange(refused.events, 0);
  auto empty = write_batch({});
  empty->stamp_for_link(source_, number);
  refused.batch = BatchRef(std::move(empty));
}

std::uint64_t UpstreamLink::settle() {
  std::uint64_t events = 0;
  while (!under_way_.empty() && first_under_way_ <= sender_.acked()) {
    events += under_way_.front().events;
    under_way_.pop_front();
    first_under_way_ = first_under_way_.after(1);
  }
  return events;
}

std::deque<UpstreamLink::UnderWay> UpstreamLink::abandon(SourceId source) {
  source_ = source;
  resent_before_ += sender_.resent();
  sender_ = AckedSender(window_);
  first_under_way_ = {1};
  link_.begin_anew(source);
  return std::exchange(under_way_, {});
}

}  // namespace xylem
