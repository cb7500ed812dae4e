#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "relay/base/result.h"
#include "relay/client/receiver.h"

namespace xylem::cli {

// What `xylem dump` and `xylem record` have in common: a subscription that begins now or in the
// past, and goes on until something ends it.
struct FollowOptions {
  std::string connect;
  std::vector<std::string> patterns;
  std::string filter;
  std::string overflow = "drop_oldest";
  std::string name;
  std::string since;
  bool no_follow = false;
  std::uint64_t limit = 0;
  double seconds = 0;
};
// All of them. Positional arguments come in the order in which they are added.
void add_follow_options(CLI::App& command, FollowOptions& options);

// What becomes of what comes.
class Follower {
 public:
  virtual ~Follower() = default;
  virtual void on_event(const Receiver::Event& event) = 0;
  virtual void on_gap(const Gap& gap) = 0;
  // After each batch, and about ten times a second when nothing comes.
  virtual void on_turn(Instant now) = 0;
  // Nothing more can be done with what comes.
  [[nodiscard]] virtual bool has_failed() const = 0;
};

// What the options ask of a receiver. `command` is for its name. Errors: usage and others that mean
// that the command line was wrong.
[[nodiscard]] Result<Receiver::Options> receiver_of(const FollowOptions& options,
                                                    const std::string& command);
// Until the limit, the time, the present or Ctrl-C has come. Says on stderr when the relay is lost
// and when it is back. Errors: refused, and timed_out if there never was a relay, or none any more
// at the end.
[[nodiscard]] Result<void> follow(const FollowOptions& options, const Receiver::Options& receiver,
                                  Follower& follower);

}  // namespace xylem::cli
