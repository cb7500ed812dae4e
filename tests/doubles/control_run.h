#pragma once

#include <optional>
#include <string>

#include "relay/base/check.h"
#include "relay/client/acked_link.h"
#include "relay/session/receive_session.h"
#include "relay/session/source_table.h"
#include "relay/session/subscription_session.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/control_grammar.h"
#include "tests/doubles/false_relay.h"
#include "tests/doubles/manual_clock.h"

namespace xylem::testing {

// Empty, or what is wrong with how these bytes are read: what is read can be written, and is then
// read as the same.
inline std::string fault_of_reading(std::span<const std::byte> frame) {
  const auto control = read_control(Exact(frame).span());
  if (!control || std::holds_alternative<Unknown>(*control)) return "";
  const Bytes written = write_control(*control);
  const auto again = read_control(written);
  // What takes less than it could may be more than the limit when it is written as we write it.
  if (!again) return written.size() > frame.size() ? "" : "what was read cannot be read again";
  return write_control(*again) == written ? "" : "what was read is written as something else";
}

// Both ends of every link under whatever the grammar says: what a program writes is read as it was
// meant, and no end's rules mind what they are told.
class ControlRun final : AckedLink::Store {
 public:
  explicit ControlRun(Chance& chance)
      : chance_(chance),
        grammar_(chance),
        sender_({.window_bytes = 3000, .recovered = chance.one_in(2)}, {chance.between(1, 9)}),
        link_({Address::parse("tcp://10.0.0.1:7601").value(), "source", {7}}, relay_, sender_,
              *this, clock_),
        receiver_({grammar_.hello()}),
        sources_({.sources_max = chance.between(1, 4), .level_max = AckLevel::written},
                 chance.any()) {}

  // Empty, or what does not hold.
  std::string run() {
    static_cast<void>(receiver_.on_connected(clock_.now()));
    for (std::size_t left = chance_.between(1, 40); left > 0; --left) {
      const Control control = grammar_.control();
      if (std::string fault = fault_of(control); !fault.empty()) return fault;
      clock_.advance(std::chrono::milliseconds(chance_.below(chance_.one_in(9) ? 6000 : 300)));
      speak_for_the_source();
    }
    return "";
  }

  [[nodiscard]] std::uint64_t taken() const { return taken_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] std::uint64_t acked() const { return acked_; }

 private:
  static constexpr std::size_t kControlBytesMax = 128 << 10;

  std::string fault_of(const Control& control) {
    const Bytes meant = write_control(control);
    const bool sound = !has_what_is_not(control) && meant.size() <= kControlBytesMax;
    const auto read = read_control(Exact(meant).span());
    if (read.has_value() != sound) return sound ? "sound, and refused" : "unsound, and taken";
    if (read && write_control(*read) != meant) return "read as something else";
    const Bytes bent = grammar_.frame(control);
    if (std::string fault = fault_of_reading(bent); !fault.empty()) return fault;
    relay_.tell({reinterpret_cast<const char*>(bent.data()), bent.size()});
    const auto taken = read_control(bent);
    taken ? ++taken_ : ++refused_;
    if (taken) tell_both_ends(*taken);
    return "";
  }
  // Enums that a reader switches over.
  static bool has_what_is_not(const Control& control) {
    const auto* hello = std::get_if<Hello>(&control);
    const auto* source = std::get_if<SourceHello>(&control);
    return (hello != nullptr && hello->overflow > Overflow::spill) ||
           (source != nullptr && source->level > AckLevel::synced);
  }

  void tell_both_ends(const Control& control) {
    const Instant now = clock_.now();
    if (const auto* hello = std::get_if<Hello>(&control)) {
      auto session = SubscriptionSession::accept(*hello, {}, chance_.below(4), now);
      if (!session) return;
      subscription_.emplace(std::move(*session));
      grammar_.heard(hello->credit_bytes);
    } else if (const auto* credit = std::get_if<Credit>(&control)) {
      if (subscription_ && !subscription_->on_credit(*credit, now)) subscription_.reset();
    } else if (const auto* source = std::get_if<SourceHello>(&control)) {
      tell_sources(*source, now);
    } else if (const auto* welcome = std::get_if<SourceWelcome>(&control)) {
      grammar_.heard(welcome->session);
    }
    if (subscription_ && subscription_->may_send()) subscription_->on_sent(chance_.below(5000));
    static_cast<void>(receiver_.on_control(control, now));
    static_cast<void>(receiver_.on_idle(now));
    static_cast<void>(receiver_.take_reconnect_gap());
    if (chance_.one_in(9)) static_cast<void>(receiver_.on_connected(now));
    if (chance_.one_in(3)) {
      static_cast<void>(receiver_.on_batch({grammar_.number()}, {grammar_.number()}, 500, now));
    }
  }
  void tell_sources(const SourceHello& hello, Instant now) {
    const std::string peer(1, static_cast<char>('a' + chance_.below(3)));
    const auto welcome =
        sources_.on_hello({peer, "10.0.0." + std::to_string(chance_.below(3))}, hello, now);
    if (!welcome) return;
    grammar_.heard(welcome->session);
    grammar_.heard(welcome->acked.value);
    AckedReceiver& receiver = sources_.of_peer(peer)->receiver;
    for (std::size_t left = chance_.below(5); left > 0; --left) {
      const BatchNumber number{chance_.one_in(2) ? receiver.next().value : grammar_.number()};
      const bool take = receiver.on_batch(number) == AckedReceiver::Verdict::take;
      if (take && chance_.one_in(2)) receiver.on_done(number);
    }
    static_cast<void>(receiver.take_answer());
    if (chance_.one_in(4)) sources_.disconnect(peer);
  }

  void speak_for_the_source() {
    if (chance_.one_in(2)) {
      sender_.offer(batch_->frame().size());
      grammar_.heard(sender_.first_unacked().value);
    }
    if (chance_.one_in(12)) relay_.connect(chance_.one_in(2));
    const auto before = sender_.acked();
    static_cast<void>(link_.do_work(clock_.now()));
    if (sender_.acked() == before) return;
    grammar_.heard(sender_.acked().value);
    ++acked_;
  }
  BatchRef batch(BatchNumber number) override {
    XYLEM_CHECK(number >= sender_.first_unacked(), "what is kept still");
    return batch_;
  }
  void give_up(BatchNumber number, const std::string&) override {
    XYLEM_CHECK(number == sender_.first_unacked(), "the one that was sent alone");
  }

  Chance& chance_;
  ControlGrammar grammar_;
  ManualClock clock_;
  FalseRelay relay_;
  AckedSender sender_;
  BatchRef batch_{stamped(batch_of("a", 1), 1)};
  AckedLink link_;
  ReceiveSession receiver_;
  std::optional<SubscriptionSession> subscription_;
  SourceTable sources_;
  std::uint64_t taken_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t acked_ = 0;
};

}  // namespace xylem::testing
