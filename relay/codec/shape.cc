#include "relay/codec/shape.h"

#include <bit>

#include "relay/codec/json_token.h"

namespace xylem {
namespace {

std::optional<SlotKind> kind_of(char c) {
  const auto kind = static_cast<SlotKind>(c);
  if (kind == SlotKind::string || kind == SlotKind::scalar) return kind;
  return std::nullopt;
}

// One pass over JSON that is known to be right, where a string before a colon is a name.
class OutlinePass {
 public:
  explicit OutlinePass(std::string_view text)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}

  std::optional<Outline> run() {
    while (at_ < end_) {
      if (std::string_view(":, \t\r\n").find(*at_) != std::string_view::npos) {
        ++at_;
      } else if (*at_ == '{' || *at_ == '[') {
        ++depth_;
        ++at_;
      } else if (*at_ == '}' || *at_ == ']') {
        --depth_;
        ++at_;
      } else if (!(*at_ == '"' ? take_string() : take_scalar())) {
        return std::nullopt;
      }
    }
    if (outline_.slots.size() == 0 || types_ != 1 || timestamps_ > 1) return std::nullopt;
    return outline_;
  }

 private:
  [[nodiscard]] bool is_value_of(std::string_view name) const {
    return depth_ == 1 && name_ == name;
  }

  bool take_string() {
    const char* inside = at_ + 1;
    const char* close = end_of_json_string(inside, end_);
    if (close == nullptr) return false;
    at_ = close + 1;
    const std::string_view text(inside, static_cast<std::size_t>(close - inside));
    const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
    const std::size_t next = rest.find_first_not_of(" \t\r\n");
    if (next != std::string_view::npos && rest[next] == ':') {
      if (depth_ == 1) name_ = text;
      // "\u0074ype" is a `type` too.
      return depth_ != 1 || text.find('\\') == std::string_view::npos;
    }
    if (is_value_of("type")) return ++types_, true;
    return add(inside, close, SlotKind::string);
  }

  bool take_scalar() {
    const char* begin = at_;
    at_ = end_of_json_scalar(begin, end_);
    if (at_ == nullptr || is_value_of("type")) return false;
    if (is_value_of("timestamp")) {
      ++timestamps_;
      outline_.timestamp = outline_.slots.size();
    }
    return add(begin, at_, SlotKind::scalar);
  }

  bool add(const char* begin, const char* end, SlotKind kind) {
    if (outline_.slots.size() == kSlotsMax) return false;
    outline_.slots.add({static_cast<std::uint16_t>(begin - begin_),
                        static_cast<std::uint16_t>(end - begin), kind});
    return true;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  int depth_ = 0;
  std::string_view name_;  // the one read last at depth 1
  int types_ = 0;
  int timestamps_ = 0;
  Outline outline_;
};

}  // namespace

std::int32_t Slots::resize(std::uint32_t changed, const std::uint16_t* lengths) noexcept {
  std::int32_t growth = 0;
  std::size_t next = 0;  // slots before it stand where they belong
  const auto move_up_to = [&](std::size_t end) {
    if (growth == 0) {
      next = end;
    }
    for (; next < end; ++next) {
      slots_[next].begin = static_cast<std::uint16_t>(slots_[next].begin + growth);
    }
  };
  for (; changed != 0; changed &= changed - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(changed));
    move_up_to(i + 1);
    growth += *lengths - slots_[i].length;
    slots_[i].length = *lengths++;
  }
  move_up_to(size_);
  return growth;
}

std::string write_shape(std::string_view text, const Slots& slots) {
  std::string written;
  written.reserve(text.size());
  std::size_t at = 0;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    written += text.substr(at, slots[i].begin - at);
    written += static_cast<char>(slots[i].kind);
    at = std::size_t{slots[i].begin} + slots[i].length;
  }
  written += text.substr(at);
  return written;
}

std::optional<EmptyShape> read_shape(std::string_view written) {
  EmptyShape shape;
  if (written.size() > kShapedBytesMax) return std::nullopt;
  shape.text.reserve(written.size());
  for (const char c : written) {
    const auto kind = kind_of(c);
    if (!kind) {
      shape.text += c;
      continue;
    }
    if (shape.slots.size() == kSlotsMax) return std::nullopt;
    shape.slots.add({static_cast<std::uint16_t>(shape.text.size()), 0, *kind});
  }
  if (shape.slots.size() == 0) return std::nullopt;
  return shape;
}

std::string fill_shape(std::string_view written) {
  std::string filled;
  for (const char c : written) {
    const auto kind = kind_of(c);
    if (kind == SlotKind::scalar) filled += '0';
    if (!kind) filled += c;
  }
  return filled;
}

std::optional<Outline> outline_of(std::string_view event) {
  if (event.size() > kShapedBytesMax) return std::nullopt;
  return OutlinePass(event).run();
}

}  // namespace xylem
