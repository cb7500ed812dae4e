#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/top/screen.h"

namespace xylem::top {

struct Column {
  std::string_view name;  // what it is sorted by
  std::string_view title;
  std::size_t width = 8;  // at least
  Align align = Align::left;
  std::size_t share = 0;      // of the room that is left; 0: none
  std::size_t width_max = 0;  // of one with a share; 0: any
  std::size_t from = 0;       // shown on screens with so many columns
};

struct Cell {
  std::string text;  // as it came, or made of figures
  Look look = Look::plain;
  std::optional<double> number = {};  // what it is sorted by; else its text is
};

struct Row {
  std::vector<Cell> cells;  // one per column, shown or not
  std::string key;          // whose row it is, also after it has moved
  std::string filter;       // of the tasks behind it; "" if there is no such
  std::string about;        // a line on it
};

struct Order {
  std::string column;
  bool upwards = false;  // the least first
  friend bool operator==(const Order&, const Order&) = default;
};

// Rows of one view. Texts are made harmless when they are shown, not before.
struct Table {
  const std::vector<Column>* columns = nullptr;
  std::vector<Row> rows;
};

// Stable. What has no number comes after what has one. A column that is not there changes nothing.
void sort_rows(Table& table, const Order& order);

// Titles, then rows from `first` on, at most `rows` of them; `chosen` is a bar.
struct Part {
  std::size_t first = 0;
  std::size_t rows = 0;
  std::size_t chosen = SIZE_MAX;
};
[[nodiscard]] std::vector<Line> lines_of(const Table& table, const Order& order, const Part& part,
                                         std::size_t columns, Letters letters);

}  // namespace xylem::top
