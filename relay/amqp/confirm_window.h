#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "relay/amqp/event_packer.h"
#include "relay/base/clock.h"
#include "relay/spool/log_catalog.h"

namespace xylem {

// The messages that a broker has not confirmed yet, in the order of their events: those that are to
// be sent, and those that were. Tags are those of AMQP's publisher confirms: they count from 1 on
// each channel, and may be answered in any order. No thread, no clock. One owner thread.
class ConfirmWindow {
 public:
  struct Options {
    std::uint64_t messages_max = 1024;  // that are under way
    std::uint64_t bytes_max = std::uint64_t{8} << 20;
  };
  struct Counts {
    std::uint64_t messages = 0;    // confirmed
    std::uint64_t events = 0;      // confirmed with them
    std::uint64_t bytes = 0;       // likewise, of bodies
    std::uint64_t unroutable = 0;  // events that came back, because nobody was bound
    std::uint64_t stale = 0;       // heartbeats that had waited for too long
    std::uint64_t unwanted = 0;    // events of messages that the broker closed the channel for
    std::uint64_t nacked = 0;      // messages
    std::uint64_t resent = 0;      // likewise, sent more than once
  };
  explicit ConfirmWindow(const Options& options) : options_(options) {}

  void add(PackedMessage message);
  // The next to be sent, if there is one and it may be; what is stale by now is passed over. Valid
  // until the next call.
  [[nodiscard]] const PackedMessage* next(Instant now, std::int64_t wall_us);
  // That one was handed to the broker.
  void sent(Instant now);
  // `multiple`: all tags up to this one. A message that was not taken is sent again, a little
  // later.
  void on_confirm(std::uint64_t tag, bool multiple, bool acked, Instant now);
  // A message with this id had nowhere to go; its confirm follows.
  void on_returned(const std::string& message_id) {
    if (!message_id.empty()) returned_.insert(message_id);
  }
  // Another channel: nobody knows what arrived, and all is to be sent again.
  void begin_again();
  // The same, when the broker closed the channel for a message that it will never take: then they
  // go one at a time until one is confirmed, and one that went alone is let go of.
  void begin_again_without_the_unwanted();

  [[nodiscard]] bool all_sent() const { return unsent_ == 0 && again_.empty(); }
  [[nodiscard]] bool has_unsent() const { return unsent_ != 0; }
  [[nodiscard]] bool open() const {
    return by_tag_.size() < (alone_ ? 1 : options_.messages_max) && bytes_ < options_.bytes_max;
  }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::uint64_t outstanding() const { return by_tag_.size(); }
  // Where the events of the first that is not confirmed begin; nothing if all are.
  [[nodiscard]] std::optional<LogPosition> first() const;
  // When the oldest that is under way was sent.
  [[nodiscard]] std::optional<Instant> oldest_sent() const;
  // When the oldest was taken in, wall clock; 0 if there is none.
  [[nodiscard]] std::int64_t oldest_us() const {
    return items_.empty() ? 0 : items_.front().message.received_us;
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  struct Item {
    PackedMessage message;
    Instant sent_at;
    std::uint32_t sendings = 0;
    bool settled = false;
  };
  [[nodiscard]] Item& item(std::uint64_t id) { return items_[id - first_id_]; }
  void settle(std::uint64_t id, bool acked, Instant now);
  void finish(Item& item);
  void forget_settled();
  [[nodiscard]] bool pass_over_if_stale(Item& item, std::int64_t wall_us);

  Options options_;
  std::deque<Item> items_;  // bounded by one batch's messages and the options
  std::uint64_t first_id_ = 0;
  std::uint64_t unsent_ = 0;                       // of the items, the last so many
  std::deque<std::uint64_t> again_;                // ids
  Instant again_at_;                               // not before
  std::map<std::uint64_t, std::uint64_t> by_tag_;  // ids of what is under way
  std::uint64_t next_tag_ = 1;
  std::uint64_t at_hand_ = 0;  // the id that next() gave
  std::uint64_t bytes_ = 0;    // under way
  bool alone_ = false;         // one at a time
  std::set<std::string> returned_;
  Counts counts_;
};

}  // namespace xylem
