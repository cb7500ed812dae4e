#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "relay/event/batch.h"
#include "relay/pipeline/log_history.h"
#include "relay/spool/disk.h"
#include "relay/spool/log_catalog.h"
#include "relay/spool/segment_reader.h"

namespace xylem {

// Reads the log while its writer goes on, from any place to its end and beyond. Of what cannot be
// read it gives nothing; the next batch's sequence tells that something is missing. One owner
// thread, any.
class LogReader final : public LogHistory {
 public:
  // Both must outlive the reader.
  // `pass_bytes`: how much one call of next() or read() passes over.
  LogReader(Disk& disk, LogCatalog& catalog, std::uint64_t pass_bytes = UINT64_MAX)
      : disk_(disk), catalog_(catalog), pass_bytes_(pass_bytes) {}

  void seek(Epoch epoch, Sequence sequence) override;
  void seek(std::int64_t since_us) override;
  [[nodiscard]] BatchRef read() override;
  [[nodiscard]] bool has_more() const override;
  [[nodiscard]] LogPosition passed_to() const override { return catalog_.tail().passed_to; }
  void rest() override;
  [[nodiscard]] Sequence end_of(Epoch epoch) const override { return catalog_.end_of(epoch); }
  [[nodiscard]] bool reaches(Epoch epoch, Sequence sequence) const override {
    return catalog_.reaches({epoch, sequence});
  }
  [[nodiscard]] bool reaches(std::int64_t since_us) const override {
    return catalog_.reaches(since_us);
  }

  struct Entry {
    RecordNumber number;
    std::unique_ptr<Batch> batch;  // with its origin, if it has one
  };
  // The next batch, or nothing just now. A batch that stands twice is given once.
  [[nodiscard]] std::optional<Entry> next();
  // Behind the last batch that was given.
  [[nodiscard]] const LogPosition& position() const { return from_; }
  // Bytes that were passed over because their checksum does not hold, or could not be read.
  [[nodiscard]] std::uint64_t damaged_bytes() const { return damaged_bytes_; }

 private:
  static constexpr std::uint64_t kNoteBytes = std::uint64_t{1} << 20;

  void begin(const std::optional<SegmentFacts>& segment, std::uint64_t offset);
  [[nodiscard]] std::optional<SegmentFacts> or_newest(
      const std::optional<SegmentFacts>& found) const;
  [[nodiscard]] bool open_next();
  void close();
  [[nodiscard]] std::uint64_t limit(const LogCatalog::Tail& tail);
  [[nodiscard]] bool is_wanted(const RecordHeader& record) const;
  [[nodiscard]] Entry entry_of(SegmentReader::Record record);
  void note_place(const RecordHeader& header);

  Disk& disk_;
  LogCatalog& catalog_;
  std::uint64_t pass_bytes_;
  LogPosition from_;
  std::int64_t since_us_ = INT64_MIN;  // until the first that was taken in then is found
  std::uint64_t ordinal_ = 0;          // of the segment at hand, or of the last one that was passed
  // Where to begin to read the segment behind it, if it is this one.
  std::uint64_t begin_ordinal_ = 0;
  std::uint64_t begin_offset_ = 0;
  std::optional<SegmentReader> segment_;
  std::uint64_t bytes_ = 0;  // of the segment at hand, as long as it does not grow
  bool growing_ = false;
  bool exhausted_ = false;       // nothing more can be read of it, unless it grows
  std::uint64_t looked_to_ = 0;  // how far it went then
  std::uint64_t damaged_bytes_ = 0;
  // The record that the catalog was last told of.
  std::uint64_t noted_ordinal_ = 0;
  std::uint64_t noted_offset_ = 0;
};

}  // namespace xylem
