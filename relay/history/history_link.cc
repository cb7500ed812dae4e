#include "relay/history/history_link.h"

#include <algorithm>
#include <array>
#include <utility>

#include "relay/base/check.h"

namespace xylem {

// A reader has one order under way, or its answer, and one `close`, or that one's.
HistoryLink::HistoryLink(const Options& options)
    : options_(options),
      order_ring_(2 * options.readers_max),
      answer_ring_(2 * options.readers_max),
      orders_(order_ring_.split()),
      answers_(answer_ring_.split()) {}

HistoryLink::~HistoryLink() {
  while (pop_order() != nullptr) {
  }
  for (std::array<HistoryHelping*, 1> rest{}; answers_.second.pop(rest) != 0;) {
    const std::unique_ptr<HistoryHelping> last(rest[0]);
  }
}

void HistoryLink::join(Doorbell& stream, Doorbell& history) {
  stream_ = &stream;
  history_ = &history;
}

std::uint64_t HistoryLink::begin(HistoryOrder order) {
  order.reader = next_reader_++;
  const std::uint64_t reader = order.reader;
  readers_[reader].order = std::make_unique<HistoryOrder>(std::move(order));
  waiting_.push_back(reader);
  return reader;
}

HistoryHelping* HistoryLink::helping(std::uint64_t reader) {
  const auto known = readers_.find(reader);
  return known == readers_.end() ? nullptr : known->second.helping.get();
}

void HistoryLink::release(Reader& reader) {
  reader.helping.reset();
  figures_.bytes -= std::exchange(reader.bytes, 0);
}

void HistoryLink::go_on(std::uint64_t id) {
  Reader& reader = readers_.at(id);
  XYLEM_CHECK(reader.helping != nullptr, "what is answered goes on");
  release(reader);
  reader.order = std::make_unique<HistoryOrder>();
  reader.order->what = HistoryOrder::What::go_on;
  reader.order->reader = id;
  waiting_.push_back(id);
}

void HistoryLink::close(std::uint64_t id) {
  const auto known = readers_.find(id);
  if (known == readers_.end()) return;
  Reader& reader = known->second;
  reader.order.reset();  // its place in the queue is passed over
  if (reader.helping != nullptr) release(reader);
  if (!reader.begun) {
    readers_.erase(known);
    return;
  }
  reader.closing = true;
  auto order = std::make_unique<HistoryOrder>();
  order->what = HistoryOrder::What::close;
  order->reader = id;
  push(std::move(order));
}

void HistoryLink::push(std::unique_ptr<HistoryOrder> order) {
  XYLEM_CHECK(orders_.first.push(order.release()), "the ring has room for all readers' orders");
  history_->ring();
}

std::size_t HistoryLink::receive() {
  std::size_t received = 0;
  for (std::array<HistoryHelping*, 1> next{}; answers_.second.pop(next) != 0; ++received) {
    std::unique_ptr<HistoryHelping> helping(next[0]);
    const auto known = readers_.find(helping->reader);
    XYLEM_CHECK(known != readers_.end(), "a reader stays until its close is answered");
    Reader& reader = known->second;
    figures_.bytes -= std::exchange(reader.bytes, 0);
    if (helping->closed) {
      readers_.erase(known);
      --begun_;
    } else if (!reader.closing) {
      figures_.bytes += reader.bytes = helping->bytes;
      figures_.read_bytes += helping->bytes;
      reader.helping = std::move(helping);
    }
  }
  if (received != 0) show();
  return received;
}

bool HistoryLink::has_room() const {
  return figures_.bytes == 0 || figures_.bytes + kHelpingBytes <= options_.bytes_max;
}

std::size_t HistoryLink::send(Instant now) {
  const Duration interval = Duration(std::chrono::seconds(1)) / options_.seeks_per_second;
  std::size_t sent = 0;
  std::deque<std::uint64_t> still;
  short_ = false;
  due_.reset();
  bool seeks_wait = false;
  for (const std::uint64_t id : waiting_) {
    const auto known = readers_.find(id);
    if (known == readers_.end() || known->second.order == nullptr) continue;
    Reader& reader = known->second;
    const bool seeks = reader.order->what != HistoryOrder::What::go_on;
    short_ |= !has_room();
    if (seeks && now < seek_at_) due_ = seek_at_;
    seeks_wait |= seeks && (due_ || begun_ == options_.readers_max);
    if (short_ || (seeks && seeks_wait)) {
      still.push_back(id);
      continue;
    }
    if (seeks) {
      // A burst may come at once; then one by one.
      seek_at_ = std::max(seek_at_, Instant{now.since_boot - kSeeksAtOnce * interval}) + interval;
      ++figures_.seeks;
      ++begun_;
    }
    reader.begun = true;
    figures_.bytes += reader.bytes = kHelpingBytes;
    push(std::move(reader.order));
    ++sent;
  }
  waiting_.swap(still);
  if (sent != 0 || figures_.waiting != waiting_.size()) show();
  return sent;
}

std::unique_ptr<HistoryOrder> HistoryLink::pop_order() {
  std::array<HistoryOrder*, 1> next{};
  return std::unique_ptr<HistoryOrder>(orders_.second.pop(next) != 0 ? next[0] : nullptr);
}

void HistoryLink::answer(std::unique_ptr<HistoryHelping> helping) {
  XYLEM_CHECK(answers_.first.push(helping.release()), "the ring has room for all readers' answers");
  ring_stream();
}

void HistoryLink::show() {
  figures_.readers = begun_;
  figures_.waiting = waiting_.size();
  shown_.publish(figures_);
}

void HistoryLink::sample(Samples& samples) const {
  const Figures figures = shown_.read();
  const auto add = [&](Metric metric, std::uint64_t value) {
    samples.push_back({metric, static_cast<double>(value), {}});
  };
  add(Metric::history_readers, figures.readers);
  add(Metric::history_waiting, figures.waiting);
  add(Metric::history_bytes, figures.bytes);
  add(Metric::history_seeks, figures.seeks);
  add(Metric::history_read_bytes, figures.read_bytes);
}

}  // namespace xylem
