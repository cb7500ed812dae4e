#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "relay/codec/batch_codec.h"
#include "relay/codec/batch_split.h"
#include "relay/ingest/admission.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/event_grammar.h"

namespace xylem::testing {

// Whether a relay with these limits, and every link and reader behind it, takes the batch: empty,
// or why not.
inline std::string why_not_taken(const Batch& batch, const SourceLimits& limits) {
  if (batch.size() == 0) return "no events";
  if (batch.frame().size() > limits.frame().bytes_max) return "a frame above the largest";
  const auto read = read_batch(batch.frame(), limits);
  if (!read) return "a frame that is refused: " + std::string(name_of(read.error()));
  if (!fits(batch, limits.frame())) return "a batch that does not fit";
  if (!batch.is_shaped()) return "";
  ShapeCheck check(limits);
  if (const auto refusal = check.refusal_of(**read)) {
    return "shapes that are refused: " + std::string(name_of(*refusal));
  }
  if (!check.too_large().empty()) return "an event that is refused: event_too_large";
  return expand(batch) == nullptr ? "a batch that does not expand" : "";
}

// A source's door under whatever the grammar makes: what it lets in is taken everywhere, by parts
// as well as whole, and says the same there.
class AdmissionRun final : Admission::Refused, Admission::Outlet {
 public:
  explicit AdmissionRun(Chance& chance)
      : chance_(chance), limits_(some_limits(chance)), admission_(options(), *this, *this) {}

  // Empty, or what does not hold.
  std::string run() {
    EventGrammar grammar(chance_, limits_);
    for (std::size_t left = chance_.between(1, 6); left > 0; --left) {
      if (chance_.one_in(2)) {
        const Bytes frame = grammar.frame();
        if (fault_.empty()) fault_ = fault_of_verdict(frame);
        admission_.admit_batch(Exact(frame).span());
      } else {
        const auto [key, body] = grammar.message();
        admission_.admit_json(key, body);
      }
      if (chance_.one_in(4)) admission_.flush();
    }
    admission_.flush();
    if (handed_on_ != admission_.figures().accepted_events) return "events that were not counted";
    return fault_;
  }

  [[nodiscard]] std::uint64_t handed_on() const { return handed_on_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] std::uint64_t shaped() const { return shaped_; }

 private:
  static SourceLimits some_limits(Chance& chance) {
    const std::size_t messages[] = {4096, 20'000, 70'000, std::size_t{1} << 20};
    const std::size_t message = messages[chance.below(chance.one_in(8) ? 4 : 3)];
    const std::size_t most = message - kFrameBytesBesideAnEvent;
    const std::size_t events[] = {most, most, 3000, kShapedBytesMax / 2 + chance.below(9),
                                  kShapedBytesMax - 4 + chance.below(9)};
    return {message, std::min(most, events[chance.below(std::size(events))])};
  }
  Admission::Options options() {
    return {limits_, chance_.one_in(2) ? limits_.message_bytes_max / 4 : std::size_t{256} << 10};
  }

  void on_refused(Refusal, std::string_view, std::size_t) override { ++refused_; }
  void on_batch(std::unique_ptr<Batch> batch) override {
    handed_on_ += batch->size();
    shaped_ += batch->is_shaped();
    if (fault_.empty()) fault_ = fault_of(*batch);
  }

  // How large an event may be never decides about its frame.
  std::string fault_of_verdict(const Bytes& frame) {
    const auto batch = read_batch(Exact(frame).span(), limits_);
    if (!batch || !(*batch)->is_shaped()) return "";
    SourceLimits wide = limits_;
    wide.event_bytes_max = std::max(wide.event_bytes_max, kShapedBytesMax);
    ShapeCheck check(limits_);
    ShapeCheck wide_check(wide);
    if (check.refusal_of(**batch) == wide_check.refusal_of(**batch)) return "";
    return "a frame that is refused for one of its events";
  }

  std::string fault_of(const Batch& batch) {
    for (const BatchKey& key : batch.keys()) {
      if (key.events == 0) return "a key that no event has";
    }
    if (const std::string why = why_not_taken(batch, limits_); !why.empty()) return why;
    if (const std::string why = fault_of_thinned(batch); !why.empty()) return why;
    return fault_of_split(batch);
  }

  std::string fault_of_thinned(const Batch& batch) {
    std::vector<bool> keys;
    std::string expected;
    for (std::size_t i = 0; i < batch.keys().size(); ++i) keys.push_back(chance_.one_in(2));
    if (std::find(keys.begin(), keys.end(), true) == keys.end()) return "";
    const auto plain = batch.is_shaped() ? expand(batch) : nullptr;
    const Batch& readable = plain ? *plain : batch;
    for (const EventEntry& entry : readable.entries()) {
      if (keys[entry.key]) {
        expected.append(readable.key_of(entry)).append("=").append(readable.body_of(entry));
        expected += ' ';
      }
    }
    const auto thinned = gather(batch, keys);
    if (!read_batch(thinned->frame(), limits_)) return "a thinned batch that is refused";
    return said(*thinned) == expected ? "" : "a thinned batch that says something else";
  }

  std::string fault_of_split(const Batch& batch) {
    const std::vector<bool> all(batch.size(), true);
    SourceLimits narrow = limits_;
    narrow.message_bytes_max = chance_.between(limits_.event_bytes_max + kFrameBytesBesideAnEvent,
                                               limits_.message_bytes_max);
    const Split parts = split(batch, all, narrow.frame(), Positions::counted);
    if (parts.too_large != 0) return "an event that is left out of its parts";
    std::string together;
    for (const auto& part : parts.batches) {
      if (const std::string why = why_not_taken(*part, narrow); !why.empty()) {
        return "a part: " + why;
      }
      together += said(*part);
    }
    return together == said(batch) ? "" : "parts that say something else";
  }

  Chance& chance_;
  SourceLimits limits_;
  Admission admission_;
  std::string fault_;
  std::uint64_t handed_on_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t shaped_ = 0;
};

}  // namespace xylem::testing
