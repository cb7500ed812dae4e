#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "relay/codec/control_codec.h"
#include "relay/event/batch.h"

namespace xylem::simulation {

// Knows every event of a run, what was promised about it and where it came by, and says what is
// against the promises:
//
//   an event whose sender was told that it is safe is delivered, or named in a gap
//   within an epoch every sequence is delivered once, in order, and is what the relay gave it to
//   within an epoch, and for what is in its log for good, a relay takes a source's event once
//   a worker's events keep their order, also from one relay to another
//   nothing else ever arrives, and no byte of it is changed
//   from one relay to the next: accepted = delivered + dropped by reason, also of what strangers
//   say
//
// Of a stranger's events it knows nothing before a relay takes them in, and then their contents.
class Oracle {
 public:
  using Id = std::uint32_t;
  // What the sender at each hop waits for: at the first relay, and at the one behind it.
  using Levels = std::array<AckLevel, 2>;

  // A new event of a worker; its body is a pure function of it.
  [[nodiscard]] Id draw(std::uint32_t worker, const Levels& levels, bool by_sidecar);
  [[nodiscard]] std::string body_of(Id id) const;
  [[nodiscard]] static std::string key_of(Id id);

  // Strangers speak to the relays as well.
  void expect_strangers() { strangers_ = true; }

  // Its sender has been told that it is safe.
  void promised(Id id);

  // A relay gave sequences to this batch.
  void stamped(const std::string& relay, bool is_sidecar, const Batch& batch);
  // A relay has ended; its log was this far.
  struct End {
    Sequence written;
    Sequence synced;
    bool power_lost = false;
  };
  void ended(const std::string& relay, const End& end);
  // It has read its log and goes on; what it has read is safe from now on.
  void recovered(const std::string& relay, Epoch epoch);
  // Bits of its log were changed, or its quota lets go of what is needed: what it then does not
  // have is excused if it says so.
  void damaged(const std::string& relay) { relays_[relay].damaged = true; }
  // A bit of a log was changed. What is lost by that need not be named: a record that is damaged
  // at the end of an epoch looks like one that was never finished.
  void flipped() { flipped_ = true; }
  // A sidecar has counted so many events as dropped.
  void admitted_loss(std::uint64_t events) { admitted_losses_ += events; }

  void delivered(const std::string& relay, Epoch epoch, Sequence sequence, std::string_view key,
                 std::string_view body);
  // What is missing, as a subscriber was told: from one place to before another.
  using Place = std::pair<Epoch, Sequence>;
  void missing(const std::string& relay, const Place& from, const Place& to);

  // What the relays behind a sidecar have of what is in its log.
  struct Hop {
    std::uint64_t accepted = 0;  // by the sidecar, in all its lives
    std::uint64_t arrived = 0;   // at the others, what came again as well
    std::uint64_t missing = 0;   // in its log for good, and at none of the others
  };
  // REQUIRES that all of the sidecar's log was sent on.
  [[nodiscard]] Hop hop_behind(const std::string& sidecar) const;
  [[nodiscard]] std::uint64_t admitted_losses() const { return admitted_losses_; }

  // Promised, and neither delivered nor excused yet.
  [[nodiscard]] std::size_t missing() const { return owed_.size(); }
  [[nodiscard]] std::size_t unpromised() const { return events_.size() - promised_; }
  // At the end: what is missing still must have been named in a gap or admitted.
  void judge();

  void violated(std::string what);
  [[nodiscard]] const std::optional<std::string>& violation() const { return violation_; }

  struct Counts {
    std::uint64_t events = 0;
    std::uint64_t promised = 0;
    std::uint64_t delivered = 0;
    std::uint64_t again = 0;     // delivered more than once, in other epochs or by other relays
    std::uint64_t excused = 0;   // acknowledged at `written`, and then the power failed
    std::uint64_t in_gaps = 0;   // promised and named in a gap
    std::uint64_t admitted = 0;  // promised and counted as dropped by a sidecar
    std::uint64_t damaged = 0;   // promised and lost with flipped bits
    std::uint64_t gaps = 0;
    std::uint64_t moved = 0;    // taken by one relay again, under another source
    std::uint64_t strange = 0;  // delivered, of strangers
    Counts& operator+=(const Counts& more);
  };
  [[nodiscard]] Counts counts() const;

 private:
  struct Event {
    std::uint32_t worker = 0;
    std::uint32_t n = 0;  // of its worker's
    Levels levels{};
    bool by_sidecar = false;
    bool promised = false;
    bool excused = false;
    std::uint32_t deliveries = 0;
    bool was_stamped = false;
  };
  // An event by its Id; a stranger's by its contents, with the highest bit.
  using What = std::uint64_t;
  static constexpr What kStrange = What{1} << 63;
  struct Stamped {
    What what = 0;
    std::uint64_t source = 0;
    [[nodiscard]] bool is_strange() const { return what >= kStrange; }
    [[nodiscard]] Id id() const { return static_cast<Id>(what); }
  };
  using Tally = std::unordered_map<What, std::uint64_t>;
  struct OneEpoch {
    std::vector<Stamped> events;           // by sequence, from 1
    std::vector<std::size_t> open_pieces;  // of frames whose source is told by their last
    std::map<std::uint64_t, std::unordered_set<Id>> by_source;
    std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint32_t> newest;  // source, worker: n
  };
  struct Relay {
    bool is_sidecar = false;
    bool damaged = false;
    Epoch epoch;
    std::map<std::uint64_t, OneEpoch> epochs;
    // What of the epochs before is in its log: for good, and as long as the power stays.
    std::map<std::uint64_t, std::unordered_set<Id>> logged;
    std::vector<Stamped> unsynced;
    Tally taken;  // in all its epochs
    Tally kept;   // of epochs before this one, by a log that has them for good
    std::vector<std::pair<Place, Place>> gaps;
  };

  [[nodiscard]] std::optional<Id> id_of(std::string_view key, std::string_view body) const;
  [[nodiscard]] std::optional<What> what_of(std::string_view key, std::string_view body) const;
  [[nodiscard]] AckLevel level_at(const Relay& relay, const Event& event) const;
  void excuse(Relay& relay, const Stamped& lost);
  static void keep(Relay& relay, const Stamped& stamped);
  void take(const std::string& name, Relay& relay, OneEpoch& epoch, const Stamped& stamped);
  [[nodiscard]] bool is_in_a_gap(Id id) const;

  std::vector<Event> events_;
  std::vector<std::uint32_t> next_of_worker_;
  // The newest of a worker's events that was stamped anywhere.
  struct Newest {
    std::uint32_t end = 0;  // n + 1
    std::string relay;
  };
  std::vector<Newest> newest_of_worker_;
  std::map<std::string, Relay> relays_;
  std::set<Id> owed_;
  std::size_t promised_ = 0;
  std::uint64_t admitted_losses_ = 0;
  bool flipped_ = false;
  bool strangers_ = false;
  std::optional<std::string> violation_;
  Counts counts_;
};

}  // namespace xylem::simulation
