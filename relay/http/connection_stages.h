#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>

#include "relay/base/clock.h"

namespace xylem {

// Who of many connections has to go, and when. Each is in a stage, by what it is waited for, and
// every stage has its patience; so each is a queue in the order in which patience ends. Nothing
// here knows a socket, or asks for the time. Not thread-safe; nothing costs more than a few steps.
class ConnectionStages {
 public:
  enum Stage : std::uint8_t {
    idle,       // without a request
    asking,     // from a request's first byte until there is an answer
    answering,  // until the answer is taken
    watching,   // until there is something new to tell it
    leaving,    // it was told that nothing more comes, and may read that to its end
  };
  static constexpr std::size_t kStageCount = 5;
  using Patience = std::array<Duration, kStageCount>;  // by stage

  // What a connection is here. Stays where it is in memory from admit() to remove().
  class Member {
   public:
    [[nodiscard]] Stage stage() const { return stage_; }

   private:
    friend class ConnectionStages;
    Stage stage_ = idle;
    Instant until_{};
    std::list<Member*>::iterator place_{};
  };

  explicit ConnectionStages(const Patience& patience) : patience_(patience) {}

  void admit(Member& member, Instant now);  // idle
  void enter(Member& member, Stage stage, Instant now);
  void remove(Member& member);

  [[nodiscard]] std::size_t size() const;
  // When the first patience ends.
  [[nodiscard]] std::optional<Instant> deadline() const;
  // One whose patience has ended, or null.
  [[nodiscard]] Member* overdue(Instant now) const;
  // Who has been longest in its stage, or null.
  [[nodiscard]] Member* oldest(Stage stage) const;
  // Who goes so that another can come; null if there is nobody. One that leaves anyway, or else the
  // oldest of the stage with most members: strangers who fill a stage push out each other, and not
  // who is in another.
  [[nodiscard]] Member* makes_room() const;

 private:
  Patience patience_;
  std::array<std::list<Member*>, kStageCount> stages_;
};

}  // namespace xylem
