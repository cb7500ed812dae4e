#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "relay/base/clock.h"
#include "relay/codec/control_codec.h"
#include "relay/event/batch.h"
#include "relay/event/topic_filter.h"
#include "relay/metrics/metric_table.h"
#include "relay/metrics/published.h"
#include "relay/ring/doorbell.h"
#include "relay/ring/spsc_ring.h"
#include "relay/spool/log_catalog.h"

namespace xylem {

// What the stream asks of the thread that reads the log. Each but `close` is answered by one
// helping.
struct HistoryOrder {
  enum class What : std::uint8_t { begin_at, begin_since, go_on, close };
  What what = What::begin_at;
  std::uint64_t reader = 0;
  LogPosition place;
  std::int64_t since_us = 0;
  TopicFilter filter;
};

// Some events of the past, as one reader wants them.
struct HistoryPiece {
  BatchRef batch;  // what the filter wants; nothing if that is nothing, or
  std::optional<Gap> gap;
  std::uint64_t events = 0;  // that the filter looked at, of one epoch
  LogPosition begin;
  LogPosition end;  // everything before was given
};
struct HistoryHelping {
  std::uint64_t reader = 0;
  bool closed = false;  // the answer to `close`, and the last
  // To begin_since: where it begins; nothing, if the log has nothing so new.
  std::optional<LogPosition> begin;
  std::vector<HistoryPiece> pieces;
  std::uint64_t bytes = 0;  // of memory
};

// The past for the stream's subscribers, which a thread of its own reads: a ring of orders to it
// and a ring of helpings back, and the bounds on both. A reader has one order or one helping at a
// time. Orders wait their turn here, first come first served, until memory has room for a helping,
// and those that begin somewhere, which cost a search, until their rate allows it. So what waits in
// memory is bounded for one and for all, and who asks again and again only waits longer.
class HistoryLink {
 public:
  struct Options {
    std::size_t readers_max = 1024;
    std::uint64_t bytes_max = std::uint64_t{16} << 20;  // of all helpings together
    std::uint32_t seeks_per_second = 100;
  };
  // What one helping may have; its last batch may reach beyond.
  static constexpr std::uint64_t kHelpingBytes = 128 << 10;

  explicit HistoryLink(const Options& options);
  ~HistoryLink();
  HistoryLink(const HistoryLink&) = delete;
  HistoryLink& operator=(const HistoryLink&) = delete;
  // Before any agent starts: whom to wake.
  void join(Doorbell& stream, Doorbell& history);

  // The stream's thread.
  // A new reader. The order's own `reader` is set here.
  [[nodiscard]] std::uint64_t begin(HistoryOrder order);
  // What came for a reader, or nullptr while it waits. Stays until go_on() or close().
  [[nodiscard]] HistoryHelping* helping(std::uint64_t reader);
  // Its helping was taken; the next is wanted.
  void go_on(std::uint64_t reader);
  void close(std::uint64_t reader);
  // Takes what was answered; sends what may go. Each returns how much that was.
  std::size_t receive();
  std::size_t send(Instant now);
  [[nodiscard]] bool has_answers() const { return answers_.second.available() != 0; }
  // When an order that waits for its rate may go.
  [[nodiscard]] std::optional<Instant> due() const { return due_; }
  // Somebody waits for memory that others hold.
  [[nodiscard]] bool is_short() const { return short_; }

  // The history's thread.
  [[nodiscard]] std::unique_ptr<HistoryOrder> pop_order();
  [[nodiscard]] bool has_orders() const { return orders_.second.available() != 0; }
  void answer(std::unique_ptr<HistoryHelping> helping);
  void ring_stream() { stream_->ring(); }

  // Any thread.
  void sample(Samples& samples) const;

 private:
  static constexpr std::uint32_t kSeeksAtOnce = 32;

  struct Reader {
    std::unique_ptr<HistoryOrder> order;      // waits here
    std::unique_ptr<HistoryHelping> helping;  // or is answered; neither: it is with the history
    std::uint64_t bytes = 0;                  // of the helping, or kept free for it
    bool begun = false;                       // the history knows it
    bool closing = false;
  };
  using Readers = std::unordered_map<std::uint64_t, Reader>;
  struct Figures {
    std::uint64_t readers = 0;
    std::uint64_t waiting = 0;
    std::uint64_t bytes = 0;
    std::uint64_t seeks = 0;
    std::uint64_t read_bytes = 0;
  };
  using OrderRing = SpscRing<HistoryOrder*>;
  using AnswerRing = SpscRing<HistoryHelping*>;

  void release(Reader& reader);
  [[nodiscard]] bool has_room() const;
  void push(std::unique_ptr<HistoryOrder> order);
  void show();

  Options options_;
  OrderRing order_ring_;
  AnswerRing answer_ring_;
  std::pair<OrderRing::Producer, OrderRing::Consumer> orders_;
  std::pair<AnswerRing::Producer, AnswerRing::Consumer> answers_;
  Doorbell* stream_ = nullptr;
  Doorbell* history_ = nullptr;

  // The stream's.
  Readers readers_;
  std::deque<std::uint64_t> waiting_;  // readers whose order waits, as they came; some closed since
  std::uint64_t next_reader_ = 1;
  std::size_t begun_ = 0;  // readers that the history knows
  bool short_ = false;
  Instant seek_at_;             // when the next search may begin
  std::optional<Instant> due_;  // likewise, if somebody waits for that
  Figures figures_;
  Published<Figures> shown_;
};

}  // namespace xylem
