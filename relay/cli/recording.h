#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/result.h"
#include "relay/client/receiver.h"
#include "relay/codec/celery_json.h"

namespace xylem::cli {

// A recording of a stream: JSON lines, one for each event and one for each gap, in their order.
//
//   {"epoch":7,"sequence":40,"key":"task.sent","received_us":1700000000300000,"event":{...}}
//   {"gap":{"epoch":7,"first":41,"last":52,"count":12,"reason":"overflow"}}
//
// The event is byte for byte what its sender wrote, but for line breaks between its tokens, which
// are spaces. `xylem dump --format json --metadata` writes the same lines for events.
[[nodiscard]] std::string recorded_line(const Receiver::Event& event);
[[nodiscard]] std::string recorded_line(const Gap& gap);

// One line, read back.
struct Recorded {
  bool is_gap = false;
  std::uint64_t missing = 0;  // of a gap; 0: unknown
  std::int64_t received_us = 0;
  std::int64_t timestamp_us = 0;  // the event's own
  std::string key;                // as its type makes it
  std::string_view body;
};

// Reads a recording line by line and believes nothing: an event must be one that a relay would
// take. One owner thread; memory for one line.
class RecordingReader {
 public:
  static constexpr std::size_t kEventBytesMax = std::size_t{512} << 10;

  // `in` must outlive the reader.
  explicit RecordingReader(std::istream& in);

  // The next line, valid until the one after; null at the end. Errors: malformed, naming the line;
  // io.
  [[nodiscard]] Result<const Recorded*> next();
  [[nodiscard]] std::uint64_t line() const { return line_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  [[nodiscard]] Result<const Recorded*> read(std::string_view text);
  [[nodiscard]] Result<const Recorded*> read_event();
  [[nodiscard]] tl::unexpected<Error> wrong(std::string_view what) const;

  std::istream& in_;
  CeleryJson json_;
  std::vector<char> text_;  // the line at hand, with slack behind
  std::uint64_t line_ = 0;
  std::uint64_t bytes_ = 0;
  Recorded recorded_;
};

}  // namespace xylem::cli
