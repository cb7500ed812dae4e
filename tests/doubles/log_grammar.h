#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "relay/spool/segment_format.h"
#include "tests/doubles/batches.h"
#include "tests/doubles/bytes.h"
#include "tests/doubles/chance.h"

namespace xylem::testing {

// The files of a log as a writer may leave them, from a grammar: segments with none, one or many
// records of every kind, lengths around whatever reads or pads by so many bytes, ended or not.
class LogGrammar {
 public:
  using Place = std::pair<std::uint64_t, std::uint64_t>;  // epoch, sequence
  struct Written {
    Place place;
    std::string said;
    bool more = false;    // a piece of a frame whose last comes later
    bool closes = false;  // or that last
  };
  struct Segment {
    SegmentHeader header;
    Bytes bytes;
    std::vector<Written> batches;
    bool ended = false;
  };

  explicit LogGrammar(Chance& chance) : chance_(chance) {}

  // The next segment of the log.
  Segment segment() {
    Segment made;
    if (epoch_ == 0 || chance_.one_in(3)) {
      epoch_ += chance_.between(1, 3);
      next_ = 1;
      number_ = number_.first_of_next_life();
    }
    made.header = {++ordinal_, {epoch_}, {next_}, now_us_};
    made.bytes.resize(kSegmentHeaderBytes);
    write_segment_header(made.header, made.bytes);
    if (!chance_.one_in(9)) put_sources(made);
    for (std::size_t left = count(); left > 0; --left) put_batch(made);
    if (chance_.one_in(30)) put_strange(made);
    made.ended = chance_.one_in(2);
    if (made.ended) put_end(made);
    return made;
  }

 private:
  std::size_t count() { return chance_.below(20) == 19 ? chance_.below(60) : chance_.below(6); }
  // A length at which a record's padding, a sector or a reader's window ends.
  std::size_t length() {
    static constexpr std::size_t kEdges[] = {8, 64, 512, 4096, 256 << 10};
    if (chance_.below(6) != 5) return chance_.below(60);
    const std::size_t most = chance_.below(20) == 19 ? 5 : 4;
    const std::size_t edge = chance_.of(std::span<const std::size_t>(kEdges).first(most));
    return edge - 4 + chance_.below(9);
  }

  void put(Segment& segment, RecordHeader header, std::span<const std::byte> payload) {
    header.length = static_cast<std::uint32_t>(payload.size());
    const std::size_t at = segment.bytes.size();
    segment.bytes.resize(at + record_bytes(payload.size()));
    const std::span<std::byte> out = std::span(segment.bytes).subspan(at);
    write_record_header(header, payload, seed_of(segment.header), out.first(kRecordHeaderBytes));
    if (!payload.empty()) {
      std::memcpy(out.data() + kRecordHeaderBytes, payload.data(), payload.size());
    }
  }
  void put_batch(Segment& segment) {
    std::vector<Said> events;
    for (std::size_t left = chance_.between(1, 5); left > 0; --left) {
      events.push_back({"task.sent", std::string(length(), static_cast<char>('a' + next_ % 26))});
    }
    const auto batch = batch_of(events);
    now_us_ += static_cast<std::int64_t>(chance_.below(3'000'000));
    batch->stamp({epoch_}, {next_}, now_us_);
    RecordHeader header;
    header.number = number_ = number_.after(1);
    header.first = {next_};
    header.events = static_cast<std::uint32_t>(batch->size());
    header.received_us = now_us_;
    header.age_ms = static_cast<std::uint32_t>(chance_.below(9));
    header.more = chance_.below(9) == 8;
    if (!header.more && chance_.one_in(2)) {
      header.source = {chance_.between(1, 5)};
      header.batch = {chance_.between(1, 1000)};
    }
    put(segment, header, batch->frame());
    const bool closes = header.source != SourceId{};
    segment.batches.push_back({{epoch_, next_}, said(*batch), header.more, closes});
    next_ += batch->size();
  }
  // Pairs of a source and its newest batch, or of 0 and a time; or what is no pair at all.
  void put_sources(Segment& segment) {
    Bytes payload(16 * count() + (chance_.below(20) == 19 ? chance_.below(16) : 0));
    for (std::size_t at = 0; at + 16 <= payload.size(); at += 16) {
      const bool time = chance_.one_in(4);
      const bool sane = !chance_.one_in(8);
      const std::uint64_t value =
          sane ? (time ? static_cast<std::uint64_t>(now_us_) : chance_.between(1, 1000))
               : chance_.any();
      poke(payload, at, time ? std::uint64_t{0} : std::uint64_t{chance_.between(1, 60)});
      poke(payload, at + 8, value);
    }
    RecordHeader header;
    header.kind = RecordKind::sources;
    header.number = number_ = number_.after(1);
    header.first = {next_};
    header.received_us = now_us_;
    put(segment, header, payload);
  }
  // Sound, and of a kind that this program does not know.
  void put_strange(Segment& segment) {
    RecordHeader header;
    header.kind = static_cast<RecordKind>(4 + chance_.below(3));
    header.number = number_ = number_.after(1);
    put(segment, header, Bytes(length()));
  }
  void put_end(Segment& segment) {
    RecordHeader header;
    header.kind = RecordKind::end;
    header.number = number_ = number_.after(1);
    header.first = {next_};
    header.received_us = now_us_;
    put(segment, header, {});
  }

  Chance& chance_;
  std::uint64_t ordinal_ = 0;
  std::uint64_t epoch_ = 0;
  std::uint64_t next_ = 1;
  RecordNumber number_;
  std::int64_t now_us_ = 1'700'000'000'000'000;
};

}  // namespace xylem::testing
