#include "tests/simulation/producer.h"

#include <fmt/format.h>

#include <utility>

namespace xylem::simulation {
namespace {
constexpr Admission::Options kAdmission{{std::size_t{16} << 10, std::size_t{15} << 10},
                                        std::size_t{8} << 10};
constexpr AckedSender::Options kSender{std::uint64_t{8} << 10};
}  // namespace

Producer::Producer(Options options, Network& network, Oracle& oracle, const Instant& now)
    : options_(std::move(options)),
      oracle_(oracle),
      now_(now),
      clock_(now),
      context_(network.process(options_.name)),
      admission_(kAdmission, *this, *this),
      sender_(kSender),
      link_({.relay = address_of(options_.relay),
             .name = options_.name,
             .source = {options_.source},
             .level = options_.level},
            *context_, sender_, *this, clock_) {}

void Producer::draw(std::size_t events) {
  for (; events != 0; --events) {
    const Oracle::Id id = oracle_.draw(options_.worker, {options_.level, options_.level}, false);
    drawn_.push_back(id);
    admission_.admit_json(Oracle::key_of(id), oracle_.body_of(id));
  }
  admission_.flush();
}

void Producer::on_batch(std::unique_ptr<Batch> batch) {
  const BatchNumber number = sender_.offer(batch->frame().size());
  batch->stamp_for_link({options_.source}, number, clock_.wall_us());
  const auto end = drawn_.begin() + static_cast<std::ptrdiff_t>(batch->size());
  kept_.push_back({BatchRef(std::move(batch)), {drawn_.begin(), end}});
  drawn_.erase(drawn_.begin(), end);
}

BatchRef Producer::batch(BatchNumber number) {
  return kept_.at(number.value - first_kept_.value).batch;
}

std::size_t Producer::work() {
  if (now_ < asleep_until_) return 0;
  const std::size_t work = link_.do_work(now_);
  for (; !kept_.empty() && first_kept_ <= sender_.acked(); first_kept_ = first_kept_.after(1)) {
    for (const Oracle::Id id : kept_.front().events) oracle_.promised(id);
    kept_.pop_front();
  }
  return work;
}

std::string Producer::describe() const {
  return fmt::format("{}: {} batches unacked from {}, {}, refusal '{}'", options_.name,
                     kept_.size(), sender_.first_unacked().value,
                     link_.is_welcome() ? "welcome" : "not welcome", link_.refusal());
}

}  // namespace xylem::simulation
