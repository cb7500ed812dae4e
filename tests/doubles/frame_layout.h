#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "relay/event/batch.h"
#include "tests/doubles/frame_head.h"

namespace xylem::testing {

// A batch frame as somebody else might write it (schema/batch.fbs): nothing in it has to fit
// together, but each part lies where FlatBuffers' verifier wants it.
struct FrameLayout {
  std::vector<std::string> keys;
  std::vector<EventEntry> entries;
  std::string bodies;
  std::vector<std::string> shapes;
  std::uint8_t encoding = 0;
  bool replayed = false;
  bool share_texts = false;  // texts that are the same lie in one place

  [[nodiscard]] Bytes bytes() const {
    Bytes frame(kParts);
    FrameHead::write(frame, kParts);
    FrameHead::field(frame, FrameHead::replayed_field, FrameHead::kReplayed);
    if (!shapes.empty()) FrameHead::field(frame, FrameHead::shapes, FrameHead::kShapesAt);
    poke<std::uint8_t>(frame, FrameHead::kEncoding, encoding);
    poke<std::uint8_t>(frame, FrameHead::kReplayed, replayed);
    put_entries(frame);
    put_vector(frame, FrameHead::kBodiesAt, bodies.size());
    append(frame, bodies);
    put_texts(frame, FrameHead::kKeysAt, keys);
    if (!shapes.empty()) put_texts(frame, FrameHead::kShapesAt, shapes);
    return frame;
  }

 private:
  static constexpr std::size_t kParts = 88;

  static void align(Bytes& frame, std::size_t to, std::size_t rest = 0) {
    while (frame.size() % to != rest) frame.emplace_back();
  }
  static void append(Bytes& frame, std::string_view text) {
    const auto* begin = reinterpret_cast<const std::byte*>(text.data());
    frame.insert(frame.end(), begin, begin + text.size());
  }
  // The count of a vector that follows, and the reference to it.
  static void put_vector(Bytes& frame, std::size_t from, std::size_t count) {
    align(frame, 4);
    FrameHead::refer(frame, from, frame.size());
    frame.resize(frame.size() + 4);
    poke<std::uint32_t>(frame, frame.size() - 4, static_cast<std::uint32_t>(count));
  }
  void put_entries(Bytes& frame) const {
    align(frame, 8, 4);  // so that the entries begin at a multiple of 8
    put_vector(frame, FrameHead::kEntriesAt, entries.size());
    append(frame,
           {reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(EventEntry)});
  }
  void put_texts(Bytes& frame, std::size_t from, const std::vector<std::string>& texts) const {
    put_vector(frame, from, texts.size());
    const std::size_t references = frame.size();
    frame.resize(frame.size() + 4 * texts.size());
    std::size_t last = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::size_t at = references + 4 * i;
      const bool shared = share_texts && i != 0 && texts[i] == texts[i - 1];
      if (shared) {
        FrameHead::refer(frame, at, last);
        continue;
      }
      put_vector(frame, at, texts[i].size());
      last = frame.size() - 4;
      append(frame, texts[i]);
      frame.emplace_back();
    }
  }
};

}  // namespace xylem::testing
