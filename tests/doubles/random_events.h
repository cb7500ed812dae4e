#pragma once

#include <string>
#include <string_view>

#include "tests/doubles/chance.h"

namespace xylem::testing {

// Celery-like events as JSON text, of a few kinds that come again and again with other values, and
// now and then one that is like no other. Spaces are a sender's own, and so are escapes.
class RandomEvents {
 public:
  explicit RandomEvents(Chance& chance) : chance_(chance) {}

  std::string next() {
    const std::size_t kind = chance_.below(6);
    std::string text = kind % 2 == 0 ? "{" : "{ ";
    const auto field = [&](std::string_view name, const std::string& value) {
      if (text.size() > 2) text += kind % 3 == 0 ? ", " : ",";
      text.append("\"").append(name).append("\":").append(kind % 3 == 0 ? " " : "").append(value);
    };
    if (kind == 4) field("type", R"("kind-4")");
    field("hostname", string());
    for (std::size_t i = 0; i < kind; ++i) field("field" + std::to_string(i), value(1));
    if (kind != 3) field("timestamp", chance_.one_in(9) ? "null" : number());
    if (chance_.one_in(40)) field("x" + std::to_string(chance_.below(9999)), value(3));
    if (kind != 4) field("type", "\"kind-" + std::to_string(kind) + "\"");
    return text + (kind % 2 == 0 ? "}" : " }");
  }

  std::string string() {
    static constexpr std::string_view kParts[] = {
        "a",    "celery@w-1.example", "\\\"", "\\u00e9", "\xC3\xA9", "\xF0\x9F\x98\x80", "}, {",
        "\\\\", "0123456789abcdef",   "",     "x\\ny",   "\\ud800"};
    std::string text = "\"";
    for (std::size_t parts = chance_.below(4); parts > 0; --parts)
      text += chance_.of(std::span<const std::string_view>(kParts));
    return text + "\"";
  }
  std::string number() {
    static constexpr std::string_view kNumbers[] = {
        "0", "-0", "12", "-3.5", "1e9", "1E-7", "123456789012345678901234567890", "1732412345.25"};
    return std::string(chance_.of(std::span<const std::string_view>(kNumbers)));
  }
  std::string value(std::size_t depth) {
    switch (chance_.below(depth == 0 ? 5 : 7)) {
      case 0: return "true";
      case 1: return "null";
      case 2:
      case 3: return number();
      case 4: return string();
      case 5: return "[" + value(depth - 1) + ", " + value(depth - 1) + "]";
      default: return "{" + string() + ": " + value(depth - 1) + "}";
    }
  }

 private:
  Chance& chance_;
};

}  // namespace xylem::testing
