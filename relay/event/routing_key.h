#pragma once

#include <string>
#include <string_view>

namespace xylem {

// A routing key is at most kKeyWordsMax words between dots, 1 to kRoutingKeyBytesMax bytes of UTF-8
// without control characters. Celery makes it from the event's type: every '-' becomes '.', so
// `task-failed` goes under `task.failed` (celery/events/dispatcher.py).

// True if `key` is one. Checks bytes, not UTF-8: keys come out of JSON that is already validated,
// or out of a frame that must equal such a key.
[[nodiscard]] bool is_routing_key(std::string_view key) noexcept;

// Calls `visit` with every word between dots; the empty key has one empty word, as in AMQP.
template <class Visit>
void for_each_word(std::string_view text, Visit visit) {
  for (;;) {
    const std::size_t dot = text.find('.');
    visit(text.substr(0, dot));
    if (dot == std::string_view::npos) return;
    text.remove_prefix(dot + 1);
  }
}

// Appends the routing key of `type` to `out`.
void append_key_of_type(std::string_view type, std::string& out);
[[nodiscard]] std::string key_of_type(std::string_view type);

// True if `key` is the routing key of `type`; no allocation.
[[nodiscard]] bool key_is_of_type(std::string_view key, std::string_view type) noexcept;

}  // namespace xylem
