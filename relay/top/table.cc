#include "relay/top/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace xylem::top {
namespace {

constexpr std::size_t kCellBytesMax = 2048;  // more is on no screen

// Widths of the columns that are shown; 0 for the others. The room that is left is shared.
std::vector<std::size_t> widths_of(const std::vector<Column>& columns, std::size_t room) {
  std::vector<std::size_t> widths;
  std::size_t used = 0;
  for (const Column& column : columns) {
    widths.push_back(column.from <= room ? column.width : 0);
    used += widths.back() == 0 ? 0 : widths.back() + (used == 0 ? 0 : 1);
  }
  std::size_t left = room > used ? room - used : 0;
  while (left > 0) {
    std::size_t given = 0;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (widths[i] == 0) continue;
      std::size_t more = std::min(columns[i].share, left);
      if (columns[i].width_max != 0) more = std::min(more, columns[i].width_max - widths[i]);
      widths[i] += more;
      left -= more;
      given += more;
    }
    if (given == 0) break;
  }
  return widths;
}

Line title_line(const Table& table, const std::vector<std::size_t>& widths, const Order& order,
                Letters letters) {
  std::string text;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (widths[i] == 0) continue;
    const Column& column = (*table.columns)[i];
    const std::string title =
        std::string(column.title) +
        (column.name == order.column && !column.name.empty() ? (order.upwards ? "^" : "v") : "");
    if (!text.empty()) text += ' ';
    text += fitted(title, widths[i], column.align, letters);
  }
  Line line = line_of(text, Look::strong);
  line.is_bar = true;
  return line;
}

Line row_line(const Table& table, const Row& row, const std::vector<std::size_t>& widths,
              Letters letters) {
  Line line;
  for (std::size_t i = 0; i < widths.size() && i < row.cells.size(); ++i) {
    if (widths[i] == 0) continue;
    const Cell& cell = row.cells[i];
    const std::string shown =
        harmless(std::string_view(cell.text).substr(0, kCellBytesMax), letters);
    line.spans.push_back({(line.spans.empty() ? "" : " ") +
                              fitted(shown, widths[i], (*table.columns)[i].align, letters),
                          cell.look});
  }
  return line;
}

}  // namespace

void sort_rows(Table& table, const Order& order) {
  const auto& columns = *table.columns;
  const auto column = std::find_if(columns.begin(), columns.end(),
                                   [&](const Column& each) { return each.name == order.column; });
  if (column == columns.end()) return;
  const auto at = static_cast<std::size_t>(column - columns.begin());
  const auto before = [&](const Cell& a, const Cell& b) {
    return a.number || b.number ? a.number < b.number : a.text < b.text;
  };
  std::stable_sort(table.rows.begin(), table.rows.end(), [&](const Row& a, const Row& b) {
    return order.upwards ? before(a.cells[at], b.cells[at]) : before(b.cells[at], a.cells[at]);
  });
}

std::vector<Line> lines_of(const Table& table, const Order& order, const Part& part,
                           std::size_t columns, Letters letters) {
  const auto widths = widths_of(*table.columns, columns);
  std::vector<Line> lines{title_line(table, widths, order, letters)};
  const std::size_t end = std::min(table.rows.size(), part.first + part.rows);
  for (std::size_t i = part.first; i < end; ++i) {
    lines.push_back(clipped(row_line(table, table.rows[i], widths, letters), columns, letters));
    lines.back().is_bar = i == part.chosen;
  }
  return lines;
}

}  // namespace xylem::top
