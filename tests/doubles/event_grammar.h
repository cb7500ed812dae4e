#pragma once

#include <string>
#include <utility>
#include <vector>

#include "relay/base/limits.h"
#include "relay/codec/shape.h"
#include "relay/codec/shaped_body.h"
#include "relay/event/routing_key.h"
#include "tests/doubles/frame_layout.h"
#include "tests/doubles/random_events.h"

namespace xylem::testing {

// What may come to a source, from a grammar: JSON messages and batch frames with none, one or many
// of everything and lengths around every limit. Most of it is sound; now and then a part is not.
class EventGrammar {
 public:
  EventGrammar(Chance& chance, const SourceLimits& limits)
      : chance_(chance), limits_(limits), random_(chance) {}

  // Routing key and body of a message.
  std::pair<std::string, std::string> message() {
    if (chance_.one_in(3)) {
      const std::string type = this->type();
      return {chance_.one_in(4) ? "" : key_of_type(type), event(type)};
    }
    if (chance_.one_in(5)) return {"task.multi", full_list()};
    std::string list = "[";
    for (std::size_t left = count(kEventsPerListMax); left > 0; --left) {
      if (list.size() > limits_.message_bytes_max + 2) break;
      if (list.size() > 1) list += chance_.one_in(9) ? ", " : ",";
      list += chance_.one_in(60) ? random_.value(2) : event(type());
    }
    return {"task.multi", list + (chance_.one_in(60) ? "" : "]")};
  }

  Bytes frame() {
    FrameLayout layout;
    layout.replayed = chance_.one_in(9);
    std::vector<Kind> kinds = some_kinds(layout);
    std::uint32_t position = 0;
    for (std::size_t left = count(kEventsPerBatchMax); left > 0; --left, ++position) {
      if (layout.bodies.size() > limits_.message_bytes_max) break;
      if (kinds.empty()) break;
      if (chance_.one_in(50)) position += static_cast<std::uint32_t>(chance_.below(1000));
      Kind& kind = kinds[chance_.below(kinds.size())];
      const bool shaped = kind.shape != 0 && !chance_.one_in(20);
      const std::string body = shaped ? shaped_body(kind) : event(kind.type);
      EventEntry entry{static_cast<std::int64_t>(chance_.any()),
                       static_cast<std::uint32_t>(layout.bodies.size()),
                       static_cast<std::uint32_t>(body.size()),
                       position,
                       kind.key,
                       shaped ? kind.shape : std::uint16_t{0}};
      bend(entry, layout);
      layout.bodies += body;
      layout.entries.push_back(entry);
    }
    if (chance_.one_in(20)) drop_some(layout);
    drop_unused_shapes(layout);
    layout.share_texts = chance_.one_in(9);
    layout.encoding = chance_.one_in(60) ? static_cast<std::uint8_t>(chance_.below(3))
                                         : static_cast<std::uint8_t>(!layout.shapes.empty());
    return layout.bytes();
  }

  // A number of things: none, some, or about as many as there may be.
  std::size_t count(std::size_t most) {
    switch (chance_.below(40)) {
      case 0: return most - 1 + chance_.below(3);
      case 1: return most / 2 - 1 + chance_.below(3);
      case 2: return 0;
      case 3:
      case 4:
      case 5: return chance_.below(200);
      default: return chance_.between(1, 6);
    }
  }

 private:
  // One event again and again, as often as a message has room for it.
  std::string full_list() {
    const std::string one = event(type());
    std::string list = "[" + one;
    const std::size_t most = limits_.message_bytes_max - 10;  // the key's
    for (std::size_t n = 1; n < kEventsPerListMax && list.size() + one.size() + 2 <= most; ++n) {
      list += "," + one;
    }
    return list + "]";
  }

  // Events of one kind, and what the batch has said of its shape.
  struct Kind {
    std::string type;
    std::uint16_t key = 0;
    std::uint16_t shape = 0;  // as an entry names it; 0: none
    std::vector<SlotKind> slots;
    bool seen = false;
  };

  // A length at which something happens: of LEB128, of copies by sixteen, of a limit.
  std::size_t length() { return chance_.one_in(8) ? edge() : chance_.below(40); }

  std::size_t edge() {
    const std::size_t edges[] = {0,
                                 1,
                                 16,
                                 64,
                                 128,
                                 kShapedBytesMax / 2,
                                 kShapedBytesMax,
                                 limits_.event_bytes_max,
                                 limits_.message_bytes_max / 2,
                                 limits_.message_bytes_max};
    const std::size_t edge = edges[chance_.below(std::size(edges))];
    return edge + chance_.below(5) - std::min<std::size_t>(edge, 2);
  }

  std::string type() {
    if (chance_.one_in(80)) return std::string(243 + chance_.below(5), 'k');
    if (chance_.one_in(80)) return chance_.one_in(2) ? "a..b" : "a.*";
    return "kind-" + std::to_string(chance_.below(chance_.one_in(9) ? 3000 : 5));
  }

  std::string event(const std::string& type) {
    if (chance_.one_in(100)) return random_.value(3);
    std::string text = R"({"type":")" + type + "\"";
    switch (chance_.below(6)) {
      case 0:
        if (chance_.one_in(4)) return random_.next();
        break;
      case 1: text += ",\"n\":[" + numbers(chance_.between(1, 33)) + "]"; break;
      case 2: text += ",\"text\":\"" + std::string(length(), 'x') + "\""; break;
      default:
        text += ",\"uuid\":" + random_.string() + ",\"clock\":" + random_.number() +
                ",\"timestamp\":" + random_.number();
    }
    return text + "}";
  }

  // Longer in a shaped body than in the text, if there are many and each is long.
  std::string numbers(std::size_t count) {
    const std::size_t digits = chance_.one_in(2) ? 128 : chance_.between(1, 3);
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      text += (i == 0 ? "" : ",") + std::string(digits, static_cast<char>('1' + chance_.below(9)));
    }
    return text;
  }

  std::vector<Kind> some_kinds(FrameLayout& layout) {
    std::vector<Kind> kinds;
    const bool shapes = chance_.one_in(2);
    for (std::size_t left = count(kShapesPerBatchMax); left > 0; --left) {
      Kind kind;
      kind.type = type();
      kind.key = static_cast<std::uint16_t>(layout.keys.size());
      layout.keys.push_back(chance_.one_in(90) ? "other" : key_of_type(kind.type));
      if (shapes && !chance_.one_in(9)) add_shape(kind, layout);
      kinds.push_back(std::move(kind));
    }
    return kinds;
  }

  void add_shape(Kind& kind, FrameLayout& layout) {
    std::string text = R"({"type":")" + kind.type + "\"";
    for (std::size_t left = chance_.one_in(30) ? chance_.between(31, 33) : chance_.between(1, 4);
         left > 0; --left) {
      const bool string = chance_.one_in(2);
      kind.slots.push_back(string ? SlotKind::string : SlotKind::scalar);
      text += ",\"f" + std::to_string(left) + (string ? "\":\"\x01\"" : "\":\x02");
    }
    if (chance_.one_in(20)) text += ",\"pad\":\"" + std::string(edge(), 'p') + "\"";
    layout.shapes.push_back(text + (chance_.one_in(90) ? "" : "}"));
    kind.shape = static_cast<std::uint16_t>(layout.shapes.size());
  }

  std::string shaped_body(Kind& kind) {
    std::uint32_t changed = 0;
    for (std::size_t i = 0; i < kind.slots.size() && i < kSlotsMax; ++i) {
      if (!kind.seen || chance_.one_in(3)) changed |= 1U << i;
    }
    if (chance_.one_in(200)) changed ^= 1U << chance_.below(32);
    kind.seen = true;
    std::string lengths;
    std::string values;
    for (std::size_t i = 0; i < kSlotsMax; ++i) {
      if ((changed >> i & 1) == 0) continue;
      const bool string = i < kind.slots.size() && kind.slots[i] == SlotKind::string;
      const std::string value = string ? std::string(length(), 's') : random_.number();
      values += value;
      std::size_t rest = value.size() + (chance_.one_in(400) ? 1 : 0);
      for (; rest >= 0x80; rest >>= 7) lengths += static_cast<char>(rest | 0x80);
      lengths += static_cast<char>(rest);
    }
    std::string body(4, '\0');
    for (std::size_t i = 0; i < 4; ++i) body[i] = static_cast<char>(changed >> (8 * i) & 0xFF);
    return body + lengths + values;
  }

  void bend(EventEntry& entry, const FrameLayout& layout) {
    if (!chance_.one_in(300)) return;
    switch (chance_.below(5)) {
      case 0: entry.key = static_cast<std::uint16_t>(chance_.below(layout.keys.size() + 1)); break;
      case 1:
        entry.shape = static_cast<std::uint16_t>(chance_.below(layout.shapes.size() + 2));
        break;
      case 2: entry.length += static_cast<std::uint32_t>(chance_.below(3)) - 1; break;
      case 3: entry.offset += static_cast<std::uint32_t>(chance_.below(3)) - 1; break;
      default: entry.position = static_cast<std::uint32_t>(chance_.any()); break;
    }
  }

  // None of one thing, however many there are of the others.
  void drop_some(FrameLayout& layout) {
    if (chance_.one_in(2)) layout.entries.clear();
    if (chance_.one_in(2)) layout.keys.clear();
    if (chance_.one_in(4)) layout.shapes.clear();
    if (chance_.one_in(4)) layout.bodies.clear();
  }

  // Most writers have none.
  void drop_unused_shapes(FrameLayout& layout) {
    if (chance_.one_in(9)) return;
    std::vector<std::uint16_t> renamed(layout.shapes.size() + 2);
    std::vector<std::string> used;
    for (EventEntry& entry : layout.entries) {
      if (entry.shape == 0 || entry.shape > layout.shapes.size()) continue;
      if (renamed[entry.shape] == 0) {
        used.push_back(layout.shapes[entry.shape - 1U]);
        renamed[entry.shape] = static_cast<std::uint16_t>(used.size());
      }
      entry.shape = renamed[entry.shape];
    }
    layout.shapes = std::move(used);
  }

  Chance& chance_;
  SourceLimits limits_;
  RandomEvents random_;
};

}  // namespace xylem::testing
