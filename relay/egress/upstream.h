#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "relay/agent/agent.h"
#include "relay/base/log.h"
#include "relay/codec/event_hostname.h"
#include "relay/egress/upstream_link.h"
#include "relay/pipeline/tap_board.h"
#include "relay/spool/log_consumer.h"

namespace xylem {

// Sends the log on to another relay, or to several, over acked links, and knows how far it has come
// (docs/protocol.md §7, §8). What is in the log is not lost by a relay upstream that is away, nor
// by this one's end: it goes on from its cursor, with the numbers that it gave before.
//
// With several relays a worker's events all go to one of them, by rendezvous over its hostname.
// When a relay has been away for `failover_after` its workers move to the others, with what it had
// not acknowledged; when it is back they return, once the others have everything of theirs.
//
// A batch has the number of its record in the log, unless there are several relays or the one there
// is takes only smaller frames than are in the log: then each part of a batch is counted by itself,
// under a name of this life, and a restart may repeat what was under way.
class Upstream final : public Agent {
 public:
  struct Options {
    std::vector<Address> connect;
    std::string name;  // in the logs of the relays upstream
    AckLevel level = AckLevel::written;
    std::uint64_t window_bytes = std::uint64_t{8} << 20;  // under way to each
    Duration failover_after = std::chrono::seconds(5);
    RelayId relay{};         // ours, by which relays upstream are known to send to us
    FrameLimits frame{};     // of the batches in the log
    std::uint64_t seed = 0;  // of the names by which relays upstream know this log
  };
  // All must outlive the agent.
  Upstream(const Options& options, Context& context, Spool& spool, const Clock& clock);

  // Reads the cursor. Errors: io, no_space.
  [[nodiscard]] Result<void> open();
  // The newest record number that the cursor knows of.
  [[nodiscard]] RecordNumber newest() const { return consumer_.cursor().number; }

  [[nodiscard]] std::string_view name() const override { return "upstream"; }
  [[nodiscard]] Result<void> on_start() override;
  [[nodiscard]] std::size_t do_work(Instant now) override;
  [[nodiscard]] bool has_work() override;
  void wait_fds(std::vector<int>& fds) const override;
  // Finished when all of the log has arrived, or when nobody is there to take it: it stays in the
  // spool then.
  [[nodiscard]] Drain drain(Instant now) override;
  [[nodiscard]] std::uint64_t on_stop() override;

  // Any thread.
  // Why a relay upstream takes nothing; empty while all do.
  [[nodiscard]] std::string trouble() const;
  // The relays upstream from which what is sent comes back, so that nothing is; empty if none.
  [[nodiscard]] std::string loops() const;
  // Where events go from here on.
  [[nodiscard]] const Published<RelayChain>& chain() const { return chain_shown_; }
  void sample(Samples& samples, std::int64_t now_us) const;
  [[nodiscard]] const TapBoard& board() const { return board_; }

 private:
  static constexpr std::size_t kBatchesPerTurn = 64;
  static constexpr Duration kSaveInterval = std::chrono::milliseconds(100);

  struct Shown {
    bool connected = false;
    std::uint64_t connections = 0;
    std::uint64_t resent = 0;
    std::uint64_t unacked = 0;
    std::uint64_t loop = 0;
  };

  [[nodiscard]] std::size_t read_log(Instant now);
  [[nodiscard]] bool has_entry();
  [[nodiscard]] bool all_want_more() const;
  [[nodiscard]] bool can_send_on();
  // What waits leaves numbers out, or cannot go under its own, and may go only once all before it
  // is acknowledged.
  [[nodiscard]] bool waits_for_acks() const;
  void send_on(LogReader::Entry entry);
  void send_split(const Batch& batch, const LogPosition& begin);
  void send_part(const Batch& batch, const std::vector<bool>& wanted, UpstreamLink& link,
                 const LogPosition& begin);
  void offer(UpstreamLink& link, std::unique_ptr<Batch> batch, BatchNumber number,
             const LogPosition& begin);
  [[nodiscard]] static FrameLimits limits_of(const UpstreamLink& link);
  [[nodiscard]] bool goes_whole(const Batch& batch) const;
  [[nodiscard]] std::size_t relay_for(std::string_view hostname);
  void forget_relays_of();
  void review_relays(Instant now);
  void move_away_from(std::size_t relay);
  void begin_anew_where_too_large();
  void count_parts();
  void send_again(std::size_t relay);
  void settle();
  [[nodiscard]] bool anything_under_way() const;
  [[nodiscard]] LogPosition done() const;
  void save(Instant now);
  void say_who_is_there();
  void say_away(std::size_t relay);
  void show();
  [[nodiscard]] SourceId new_source() { return {random_() | 1}; }

  Options options_;
  Context& context_;
  const Clock& clock_;
  DistinctLog log_;
  std::mt19937_64 random_;
  LogConsumer consumer_;
  CursorFile::Cursor cursor_;  // `number` is that of the next record to be sent on
  Instant saved_at_;
  std::optional<LogReader::Entry> waiting_;  // the next, while it cannot be sent on
  std::vector<std::unique_ptr<UpstreamLink>> links_;
  bool by_record_ = false;                      // batches have the numbers of their records
  std::vector<std::optional<bool>> connected_;  // as it was last said
  std::vector<Instant> welcome_at_;
  std::map<std::string, std::string> away_;  // why, by address
  mutable std::mutex trouble_mutex_;         // taken when a relay comes, goes, or is asked for
  std::string trouble_;

  // Of several relays:
  std::vector<std::string> addresses_;
  std::vector<bool> there_;
  std::vector<Instant> seen_at_;
  std::unordered_map<std::string, std::size_t> relay_of_;
  std::size_t relay_of_bytes_ = 0;
  std::optional<std::size_t> returning_;  // waits for the others to have everything
  EventHostname hostname_;

  Ledger ledger_;
  std::uint64_t delivered_bytes_ = 0;
  std::uint64_t moves_ = 0;
  TapBoard board_{"upstream"};
  std::shared_ptr<TapEntry> entry_;
  std::vector<std::unique_ptr<Published<Shown>>> shown_;
  RelayChain chain_;
  Published<RelayChain> chain_shown_;
  std::atomic<std::uint64_t> moves_shown_{0};
};

}  // namespace xylem
