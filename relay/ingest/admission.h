#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "relay/base/limits.h"
#include "relay/codec/batch_builder.h"
#include "relay/codec/celery_json.h"
#include "relay/codec/shaped_batch.h"
#include "relay/codec/shaper.h"
#include "relay/event/batch.h"
#include "relay/event/refusal.h"
#include "relay/ingest/source_figures.h"

namespace xylem {

// Where every source ends: verifies what came, splits lists, finds each event's routing key,
// counts, and makes batches. Several JSON messages share a batch; a batch that came as one frame
// stays as it is. One owner thread, the source's.
class Admission {
 public:
  // Told of everything refused; `key` is the key frame or the entry's key, for the log.
  class Refused {
   public:
    virtual ~Refused() = default;
    virtual void on_refused(Refusal why, std::string_view key, std::size_t bytes) = 0;
  };
  // Where batches go, in order.
  class Outlet {
   public:
    virtual ~Outlet() = default;
    virtual void on_batch(std::unique_ptr<Batch> batch) = 0;
  };
  struct Options {
    SourceLimits limits;
    std::size_t batch_bytes_full = std::size_t{256} << 10;  // of JSON bodies
  };
  Admission(const Options& options, Refused& refused, Outlet& outlet);

  // One event or a list. An empty `key` leaves it to the event's type; otherwise a single event's
  // key must be that of its type, and a list's key says nothing (Celery's `task.multi`).
  void admit_json(std::string_view key, std::string_view body);
  // One XYB1 frame.
  void admit_batch(std::span<const std::byte> frame);
  // The same, read already.
  void admit_batch(std::unique_ptr<Batch> batch);
  // Hands over what was begun.
  void flush();

  // What would have been taken instead of so many bytes, for people.
  [[nodiscard]] std::string expected(Refusal why, std::size_t bytes) const;

  [[nodiscard]] const SourceFigures& figures() const { return figures_; }
  SourceFigures& figures() { return figures_; }

 private:
  struct Bulk {
    std::size_t bytes;
    std::uint64_t events;  // 0 where nobody knows
  };
  void refuse(Refusal why, std::string_view key, const Bulk& bulk);
  [[nodiscard]] bool admit_known_shapes(std::string_view key, std::string_view text);
  void admit_scanned(std::string_view key, std::string_view text, const CeleryJson::Scan& scan);
  void add(std::string_view key, std::string_view event, std::int64_t timestamp_us);
  [[nodiscard]] std::optional<Refusal> key_of_event(const JsonEvent& event, std::string_view given);
  [[nodiscard]] std::optional<Refusal> check_body(std::string_view body, std::string_view key);

  Options options_;
  Refused& refused_;
  Outlet& outlet_;
  CeleryJson json_;
  ShapeCheck shape_check_;
  BatchBuilder builder_;
  Shaper shaper_;
  Slab message_;  // the text at hand, with slack behind
  SourceFigures figures_;
  std::vector<bool> wanted_;  // reused: the events of a batch that are not refused
  std::string key_;           // reused: the key that the event at hand makes
};

}  // namespace xylem
