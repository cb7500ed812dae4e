#include "relay/history/history_agent.h"

#include <algorithm>
#include <utility>

namespace xylem {
namespace {

LogPosition begin_of(const LogWalk::Piece& piece) {
  if (piece.gap) return {piece.gap->epoch, piece.gap->first};
  return {piece.batch->epoch(), piece.batch->sequence_of(piece.batch->entries().front())};
}

}  // namespace

std::size_t HistoryAgent::do_work(Instant) {
  std::size_t work = 0;
  for (; auto order = link_.pop_order(); ++work) take(std::move(order));
  wake_the_waiting();
  if (turns_.empty()) return work;
  const std::uint64_t id = turns_.front();
  turns_.pop_front();
  if (const auto known = readers_.find(id); known != readers_.end()) turn(id, known->second);
  return work + 1;
}

bool HistoryAgent::has_work() {
  const auto can_go_on = [this](std::uint64_t id) {
    const auto known = readers_.find(id);
    return known == readers_.end() || known->second.walk.has_more();
  };
  return link_.has_orders() || !turns_.empty() ||
         std::any_of(waiting_.begin(), waiting_.end(), can_go_on);
}

void HistoryAgent::take(std::unique_ptr<HistoryOrder> order) {
  const std::uint64_t id = order->reader;
  if (order->what == HistoryOrder::What::close) {
    readers_.erase(id);
    auto closed = std::make_unique<HistoryHelping>();
    closed->reader = id;
    closed->closed = true;
    return link_.answer(std::move(closed));
  }
  if (order->what != HistoryOrder::What::go_on) begin(*order);
  turns_.push_back(id);
}

void HistoryAgent::begin(const HistoryOrder& order) {
  Reader& reader =
      readers_.emplace(order.reader, Reader{LogWalk(open_log_()), order.filter}).first->second;
  if (order.what == HistoryOrder::What::begin_at) {
    reader.walk.begin_at(order.place);
  } else {
    reader.walk.begin_since(order.since_us);
  }
}

void HistoryAgent::wake_the_waiting() {
  std::erase_if(waiting_, [this](std::uint64_t id) {
    const auto known = readers_.find(id);
    if (known == readers_.end()) return true;
    if (!known->second.walk.has_more()) return false;
    turns_.push_back(id);
    return true;
  });
}

void HistoryAgent::turn(std::uint64_t id, Reader& reader) {
  holds_file(id);
  const bool sought = reader.walk.is_seeking();
  auto helping = std::make_unique<HistoryHelping>();
  helping->reader = id;
  std::uint64_t looked_at = 0;
  while (helping->bytes < HistoryLink::kHelpingBytes && looked_at < kPassBytes) {
    auto piece = reader.walk.next();
    if (!piece) break;
    if (piece->batch) looked_at += piece->batch->frame().size();
    if (sought && !helping->begin) helping->begin = begin_of(*piece);
    add(*helping, reader, std::move(*piece));
  }
  const bool more = reader.walk.has_more();
  // A search that found nothing in all of the log is answered, too.
  if (!helping->pieces.empty() || (sought && !more)) {
    return link_.answer(std::move(helping));
  }
  if (more) {
    turns_.push_back(id);
  } else {
    waiting_.push_back(id);
  }
}

void HistoryAgent::add(HistoryHelping& helping, Reader& reader, LogWalk::Piece piece) {
  std::vector<HistoryPiece>& pieces = helping.pieces;
  const LogPosition begin = begin_of(piece);
  const LogPosition end = reader.walk.place();
  if (piece.gap) return pieces.push_back({{}, piece.gap, 0, begin, end});
  const std::uint64_t events = piece.batch->size();
  BatchRef wanted = selector_.select(reader.filter, piece.batch).batch;
  if (wanted) {
    helping.bytes += wanted->footprint();
    return pieces.push_back({std::move(wanted), std::nullopt, events, begin, end});
  }
  // What nobody wants counts, as one piece.
  const bool goes_on = !pieces.empty() && !pieces.back().batch && !pieces.back().gap &&
                       pieces.back().end.epoch == end.epoch;
  if (!goes_on) return pieces.push_back({{}, std::nullopt, events, begin, end});
  pieces.back().events += events;
  pieces.back().end = end;
}

// Who waits at the log's end keeps its file: without it nobody could tell that nothing has come.
void HistoryAgent::holds_file(std::uint64_t id) {
  std::erase(files_, id);
  files_.push_back(id);
  for (; files_.size() > kFilesMax; files_.pop_front()) {
    const std::uint64_t oldest = files_.front();
    const auto known = readers_.find(oldest);
    const bool waits = std::find(waiting_.begin(), waiting_.end(), oldest) != waiting_.end();
    if (known != readers_.end() && !waits) known->second.walk.rest();
  }
}

std::uint64_t HistoryAgent::on_stop() {
  readers_.clear();
  return 0;
}

}  // namespace xylem
