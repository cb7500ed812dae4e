#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "relay/top/text.h"

namespace xylem::top {

// How a piece of text looks; colours are the terminal's matter, and nothing is told by colour
// alone.
enum class Look : std::uint8_t {
  plain,
  strong,
  faint,
  good,     // SUCCESS, alive
  busy,     // STARTED
  waiting,  // RECEIVED, PENDING, late
  again,    // RETRY
  bad,      // FAILURE, dead, losses
};
inline constexpr std::size_t kLooks = 8;

struct Span {
  std::string text;  // harmless
  Look look = Look::plain;
};

struct Line {
  std::vector<Span> spans;
  bool is_bar = false;  // a title, or what is chosen: shown the other way round, to its whole width
};

// What is shown: lines from the top. Made of what is known, the size and what was chosen; no
// terminal in it, so that tests compare it as text.
struct Screen {
  std::vector<Line> lines;
  struct Cursor {
    std::size_t line = 0;
    std::size_t column = 0;
  };
  std::optional<Cursor> cursor = {};  // where something is being typed
};

struct Size {
  std::size_t columns = 80;
  std::size_t lines = 24;
  friend bool operator==(const Size&, const Size&) = default;
};

[[nodiscard]] Line line_of(std::string text, Look look = Look::plain);
// `left` and `right` at the ends of a line; `left` gives way.
[[nodiscard]] Line ends_of(const Span& left, const Span& right, std::size_t columns,
                           Letters letters);
// Without what stands behind so many columns.
[[nodiscard]] Line clipped(const Line& line, std::size_t columns, Letters letters);
// Lines with a line feed each, and no space before it.
[[nodiscard]] std::string text_of(const Screen& screen);

}  // namespace xylem::top
