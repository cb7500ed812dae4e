#pragma once

#include <string>
#include <vector>

#include "relay/base/limits.h"
#include "relay/codec/control_codec.h"
#include "tests/doubles/bytes.h"
#include "tests/doubles/chance.h"

namespace xylem::testing {

// What the ends of a stream or of an acked link may say, from a grammar: any control at any time,
// with none, one or many of everything and lengths and numbers around every limit. Most of it is
// what a program would say; now and then a part is not.
class ControlGrammar {
 public:
  explicit ControlGrammar(Chance& chance) : chance_(chance) {}

  // Numbers that the other end has named (sessions, batches, epochs), to be named back.
  void heard(std::uint64_t number) { heard_[chance_.below(std::size(heard_))] = number; }

  Control control() {
    switch (chance_.below(9)) {
      case 0: return hello();
      case 1: return Welcome{protocol(), number(), {number()}, {number()}, number(), some_ms()};
      case 2: return credit();
      case 3: return Alive{{number()}, {number()}, {number()}, {number()}};
      case 4:
        return Gap{{number()},
                   {number()},
                   {number()},
                   number(),
                   static_cast<GapReason>(chance_.below(rarely(9) ? 256 : 4))};
      case 5: return Bye{static_cast<ByeReason>(chance_.below(rarely(9) ? 256 : 5)), text()};
      case 6: return source_hello();
      case 7: return SourceWelcome{protocol(), number(), {number()}, number(), number(), some_ms()};
      default: return Ack{number(), {number()}, {number()}};
    }
  }

  Hello hello() {
    Hello hello;
    hello.protocol = protocol();
    hello.name = text();
    for (std::size_t left = count(kPatternsPerSubscriberMax); left > 0; --left) {
      hello.patterns.push_back(pattern());
    }
    hello.overflow = static_cast<Overflow>(chance_.below(rarely(40) ? 6 : 5));
    if (chance_.one_in(3)) hello.tap_bytes_max = number();
    if (chance_.one_in(3)) hello.tap_events_max = number();
    hello.credit_bytes = number();
    hello.shapes = chance_.one_in(2);
    if (chance_.one_in(3)) hello.resume_epoch = {number()};
    if (chance_.one_in(3)) hello.resume_sequence = {number()};
    if (chance_.one_in(4)) hello.since_us = static_cast<std::int64_t>(number());
    if (chance_.one_in(4)) hello.since_age_ms = number();
    return hello;
  }
  Credit credit() { return {number(), number(), chance_.one_in(2)}; }
  SourceHello source_hello() {
    return {protocol(),
            text(),
            {number()},
            {number()},
            static_cast<AckLevel>(chance_.below(rarely(40) ? 4 : 3)),
            static_cast<std::int64_t>(number())};
  }

  // A control as bytes: mostly as our own writer has it, else bent.
  Bytes frame(const Control& control) {
    Bytes bytes = write_control(control);
    if (!rarely(12)) return bytes;
    for (std::size_t bends = chance_.between(1, 3); bends > 0 && !bytes.empty(); --bends) {
      const std::size_t at = chance_.below(bytes.size());
      switch (chance_.below(4)) {
        case 0: bytes[at] ^= static_cast<std::byte>(1U << chance_.below(8)); break;
        case 1: bytes[at] = static_cast<std::byte>(chance_.below(256)); break;
        case 2: bytes.resize(at); break;
        default: bytes.resize(bytes.size() + chance_.below(rarely(9) ? 140'000 : 9)); break;
      }
    }
    return bytes;
  }
  Bytes frame() { return frame(control()); }

  // A number at which something happens, or that somebody has named, or a neighbour of it.
  std::uint64_t number() {
    static constexpr std::uint64_t kEdges[] = {0,
                                               1,
                                               2,
                                               4096,
                                               std::uint64_t{64} << 10,
                                               std::uint64_t{64} << 20,
                                               std::uint64_t{1} << 31,
                                               std::uint64_t{1} << 32,
                                               std::uint64_t{1} << 63,
                                               UINT64_MAX};
    switch (chance_.below(8)) {
      case 0: return chance_.any();
      case 1: return chance_.of(std::span<const std::uint64_t>(kEdges)) + chance_.below(3) - 1;
      case 2:
      case 3:
      case 4: return heard_[chance_.below(std::size(heard_))] + chance_.below(3) - 1;
      default: return chance_.between(1, rarely(4) ? 100'000 : 6);
    }
  }

 private:
  // Not where a fuzzer's input is at its end and every choice is 0.
  bool rarely(std::size_t one_in) { return chance_.below(one_in) == one_in - 1; }
  // None, some, or about as many as there may be.
  std::size_t count(std::size_t most) {
    switch (chance_.below(30)) {
      case 29: return most - 1 + chance_.below(3);
      case 28: return chance_.below(20);
      default: return chance_.below(4);
    }
  }
  std::uint16_t protocol() {
    return rarely(20) ? static_cast<std::uint16_t>(chance_.any()) : std::uint16_t{1};
  }
  std::uint32_t some_ms() {
    return chance_.one_in(3) ? static_cast<std::uint32_t>(chance_.any())
                             : static_cast<std::uint32_t>(chance_.below(3000));
  }
  std::string text() {
    std::size_t length = chance_.below(9);
    if (rarely(9)) length = 127 + chance_.below(3);
    if (rarely(200)) length = (128 << 10) - 300 + chance_.below(400);
    std::string made(length, static_cast<char>('a' + chance_.below(26)));
    if (!made.empty() && rarely(9)) {
      made[chance_.below(length)] = static_cast<char>(chance_.below(256));
    }
    return made;
  }
  std::string pattern() {
    static constexpr std::string_view kWords[] = {"task", "kind", "*", "#", "", "0", "sent", "**"};
    if (chance_.one_in(3)) return chance_.one_in(2) ? "#" : "kind.*";
    if (rarely(9)) return std::string(kRoutingKeyBytesMax - 1 + chance_.below(3), 'p');
    std::string made;
    for (std::size_t left = count(kPatternWordsMax); left > 0; --left) {
      made += chance_.of(std::span<const std::string_view>(kWords).first(rarely(5) ? 8 : 3));
      if (left > 1) made += '.';
    }
    return made;
  }

  Chance& chance_;
  std::uint64_t heard_[6]{};
};

}  // namespace xylem::testing
