#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xylem {

// The shape of an event is its JSON text without the values: what events of one kind share, byte
// for byte, names, order and spaces included. Its slots are where the values go. docs/protocol.md
// §4.2 draws how a batch carries shapes once and of each event only the slots that changed.
//
//   {"type": "task-sent", "uuid": "<1>", "clock": <2>}

enum class SlotKind : std::uint8_t {
  string = 1,  // the inside of a string; its quotes belong to the shape
  scalar = 2,  // a number, true, false or null
};

inline constexpr std::size_t kSlotsMax = 32;  // of one shape: a word of bits says which changed
inline constexpr std::size_t kShapedBytesMax = 16 * 1024;  // of an event's text
inline constexpr std::size_t kShapesPerBatchMax = 1024;

// Where the value of a slot lies in one event's text.
struct Slot {
  std::uint16_t begin;
  std::uint16_t length;
  SlotKind kind;
};

// The slots of one text, in order.
class Slots {
 public:
  Slots() = default;
  // Only those there are: most shapes have a third of the most.
  Slots(const Slots& other) noexcept { *this = other; }
  Slots& operator=(const Slots& other) noexcept {
    size_ = other.size_;
    std::copy_n(other.slots_.begin(), size_, slots_.begin());
    return *this;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const Slot& operator[](std::size_t i) const noexcept { return slots_[i]; }
  [[nodiscard]] std::uint32_t all() const noexcept {
    return size_ == kSlotsMax ? ~0U : (1U << size_) - 1;
  }
  // REQUIRES size() < kSlotsMax.
  void add(const Slot& slot) noexcept { slots_[size_++] = slot; }
  // The slots in `changed` get these lengths; what is behind moves. Answers by how many bytes the
  // text has grown.
  std::int32_t resize(std::uint32_t changed, const std::uint16_t* lengths) noexcept;

 private:
  std::array<Slot, kSlotsMax> slots_;
  std::size_t size_ = 0;
};

// How a shape is written: the text with one byte, the slot's kind, in the place of each value.
// JSON has no such bytes.
[[nodiscard]] std::string write_shape(std::string_view text, const Slots& slots);

// What write_shape wrote, as the text of an event whose values are all empty. Nothing if it has no
// slots, too many, or is too long. Whether it is JSON at all is for who takes it from a stranger to
// ask: fill_shape makes an event of it.
struct EmptyShape {
  std::string text;
  Slots slots;
};
[[nodiscard]] std::optional<EmptyShape> read_shape(std::string_view written);
// The shape with "" and 0 for values.
[[nodiscard]] std::string fill_shape(std::string_view written);

// The slots of one event: every scalar at any depth but the event's own `type`, on which its
// routing key depends. REQUIRES a JSON object, already held against RFC 8259, with
// Slab::kSlack readable bytes behind. Nothing if it has too many slots or none, is too long, or
// says `type` or `timestamp` in a way that needs more than a look.
struct Outline {
  Slots slots;
  std::optional<std::size_t> timestamp;  // which slot
};
[[nodiscard]] std::optional<Outline> outline_of(std::string_view event);

}  // namespace xylem
