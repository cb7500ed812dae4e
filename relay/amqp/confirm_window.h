#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "relay/amqp/event_packer.h"
#include "relay/base/clock.h"
#include "relay/spool/log_catalog.h"

namespace xylem {

// The messages that a broker has not confirmed yet, in the order of their events: those that are to
// be sent, those that were, and those that it refused and gets again later. Tags are those of
// AMQP's publisher confirms: they count from 1 on each channel, and may be answered in any order.
// No thread, no clock. One owner thread.
class ConfirmWindow {
 public:
  struct Options {
    std::uint64_t messages_max = 1024;  // under way, or refused and not let go of
    std::uint64_t bytes_max = std::uint64_t{8} << 20;
    std::uint32_t tries_max = 8;  // of a message that the broker refuses
  };
  struct Counts {
    std::uint64_t messages = 0;    // confirmed
    std::uint64_t events = 0;      // confirmed with them
    std::uint64_t bytes = 0;       // likewise, of bodies
    std::uint64_t unroutable = 0;  // events that came back, because nobody was bound
    std::uint64_t stale = 0;       // heartbeats that had waited for too long
    std::uint64_t unwanted = 0;    // events of messages that the broker closed the channel for
    std::uint64_t refused = 0;     // events of messages that it refused too often
    std::uint64_t nacked = 0;      // messages
    std::uint64_t resent = 0;      // likewise, sent more than once
  };
  ConfirmWindow(const Options& options, std::uint64_t seed) : options_(options), random_(seed) {}

  void add(PackedMessage message);
  // The next to be sent, if there is one and it may be; what is stale by now is passed over. What
  // was refused comes again when its wait is over, and new ones meanwhile while there is room.
  // Valid until the next call.
  [[nodiscard]] const PackedMessage* next(Instant now, std::int64_t wall_us);
  // That one was handed to the broker.
  void sent(Instant now);
  // `multiple`: all tags up to this one. A message that was not taken is sent again after a wait
  // that doubles, from a second to a minute, and let go of when it was refused `tries_max` times.
  void on_confirm(std::uint64_t tag, bool multiple, bool acked, Instant now);
  // A message with this id had nowhere to go; its confirm follows.
  void on_returned(const std::string& message_id);
  // Another channel: nobody knows what arrived, and all that was under way is to be sent again.
  void begin_again();
  // The same, when the broker closed the channel for a message that it will never take: then they
  // go one at a time until one is answered, and one that went alone is let go of.
  void begin_again_without_the_unwanted();

  // Whether next() has something, but for what is stale.
  [[nodiscard]] bool ready(Instant now) const;
  // Whether more may be added, and would be sent.
  [[nodiscard]] bool wants_more() const { return !has_unsent() && has_room(); }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::uint64_t outstanding() const { return by_tag_.size(); }
  // Messages that were refused at least once, and are not let go of.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  // When the next of those that wait is due.
  [[nodiscard]] std::optional<Instant> due() const;
  // Where the events of the first that is not confirmed begin; nothing if all are.
  [[nodiscard]] std::optional<LogPosition> first() const;
  // When the oldest that is under way was sent.
  [[nodiscard]] std::optional<Instant> oldest_sent() const;
  // When the oldest was taken in, wall clock; 0 if there is none.
  [[nodiscard]] std::int64_t oldest_us() const {
    return items_.empty() ? 0 : items_.begin()->second.message.received_us;
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }

  // The wait after so many refusals, of which a random part is taken. Pure.
  [[nodiscard]] static Duration back_off(std::uint32_t refusals);

 private:
  struct Item {
    PackedMessage message;
    Instant sent_at;
    std::uint32_t sendings = 0;
    std::uint32_t refusals = 0;
  };
  using Items = std::map<std::uint64_t, Item>;
  [[nodiscard]] bool has_unsent() const { return unsent_ != next_id_; }
  [[nodiscard]] bool has_room() const {
    return (alone_ ? by_tag_.empty() : by_tag_.size() + again_.size() < options_.messages_max) &&
           bytes_ < options_.bytes_max;
  }
  [[nodiscard]] bool may_repeat(Instant now) const {
    return !again_.empty() && again_.begin()->first <= now && (!alone_ || by_tag_.empty());
  }
  [[nodiscard]] bool is_stale(const Item& item, std::int64_t wall_us);
  void settle(std::uint64_t id, bool acked, Instant now);
  void refuse(Items::iterator item, Instant now);
  void confirm(Items::iterator item);
  void forget(Items::iterator item);

  Options options_;
  std::mt19937_64 random_;
  // By an id that counts. Bounded by one batch's messages and the options.
  Items items_;
  std::uint64_t next_id_ = 0;
  std::uint64_t unsent_ = 0;                           // the id of the first that was never sent
  std::set<std::pair<Instant, std::uint64_t>> again_;  // when to send it again, and its id
  std::map<std::uint64_t, std::uint64_t> by_tag_;      // ids of what is under way
  std::uint64_t next_tag_ = 1;
  std::uint64_t at_hand_ = 0;  // the id that next() gave
  std::uint64_t bytes_ = 0;    // of what was sent
  std::uint64_t refused_ = 0;
  bool alone_ = false;  // one at a time
  std::set<std::string> returned_;
  Counts counts_;
};

}  // namespace xylem
