#include "relay/top/screen.h"

namespace xylem::top {

Line line_of(std::string text, Look look) { return {{{std::move(text), look}}}; }

Line ends_of(const Span& left, const Span& right, std::size_t columns, Letters letters) {
  const std::string right_text = clipped(right.text, columns, letters);
  const std::size_t taken = columns_of(right_text);
  const std::size_t room = columns > taken ? columns - taken : 0;
  Line line;
  line.spans.push_back({fitted(left.text, room, Align::left, letters), left.look});
  line.spans.push_back({right_text, right.look});
  return line;
}

Line clipped(const Line& line, std::size_t columns, Letters letters) {
  Line cut;
  cut.is_bar = line.is_bar;
  for (const Span& span : line.spans) {
    cut.spans.push_back({clipped(span.text, columns, letters), span.look});
    columns -= columns_of(cut.spans.back().text);
    if (columns == 0) break;
  }
  return cut;
}

std::string text_of(const Screen& screen) {
  std::string text;
  for (const Line& line : screen.lines) {
    std::string one;
    for (const Span& span : line.spans) one += span.text;
    one.erase(one.find_last_not_of(' ') + 1);
    text += one + "\n";
  }
  return text;
}

}  // namespace xylem::top
