#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace xylem {

// The fields of an event, written as JSON as they are added:
//
//   EventFields fields;
//   fields.add("uuid", id).add("runtime", 0.25).add("retries", 2).add_null("eta");
//
// Names that every event has (type, timestamp, hostname, utcoffset, pid, clock) are the
// dispatcher's to add; it refuses fields that have them. Reuse one with clear() and nothing is
// allocated once it is warm. One thread.
class EventFields {
 public:
  EventFields& add(std::string_view name, std::string_view text);
  EventFields& add(std::string_view name, const char* text) {
    return add(name, std::string_view(text));
  }
  EventFields& add(std::string_view name, double number);  // not a finite one: null
  template <std::integral Integer>
  EventFields& add(std::string_view name, Integer number) {
    if constexpr (std::same_as<Integer, bool>) {
      return add_json(name, number ? "true" : "false");
    } else if constexpr (std::signed_integral<Integer>) {
      return add_integer(name, number);
    } else {
      return add_unsigned(name, number);
    }
  }
  EventFields& add_null(std::string_view name) { return add_json(name, "null"); }
  // REQUIRES `json` to be a valid JSON value; the relay refuses the event otherwise.
  EventFields& add_json(std::string_view name, std::string_view json);

  void clear() {
    text_.clear();
    has_common_ = false;
    is_too_deep_ = false;
  }
  // A value is nested deeper than a relay takes (kJsonDepthMax, of which the event is one).
  [[nodiscard]] bool is_too_deep() const { return is_too_deep_; }
  // A name was added that is the dispatcher's.
  [[nodiscard]] bool has_common() const { return has_common_; }
  [[nodiscard]] static bool is_common(std::string_view name);
  // `"name":value` pairs with commas between, without braces.
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  EventFields& add_integer(std::string_view name, std::int64_t number);
  EventFields& add_unsigned(std::string_view name, std::uint64_t number);
  void name(std::string_view name);
  std::string text_;
  bool has_common_ = false;
  bool is_too_deep_ = false;
};

// Appends `text` as a JSON string. What is not valid UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace xylem
