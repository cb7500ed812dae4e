#pragma once

#include <cstdint>

namespace xylem::top {

// What somebody pressed.
struct Key {
  enum class Kind : std::uint8_t {
    letter,  // with `letter`
    up,
    down,
    left,
    right,
    page_up,
    page_down,
    home,
    end,
    enter,
    escape,
    backspace,
    tab,
    back_tab,
    help,    // F1
    filter,  // F3, F4: as htop has them
    sort,    // F6
    quit,    // F10
    redraw,  // Ctrl-L
    other,
  };
  Kind kind = Kind::other;
  char32_t letter = 0;
};

}  // namespace xylem::top
