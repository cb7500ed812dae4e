#include "relay/codec/celery_json.h"

#include <simdjson.h>

#include <algorithm>

#include "relay/codec/json_token.h"
#include "relay/event/batch.h"

namespace xylem {

static_assert(Slab::kSlack >= simdjson::SIMDJSON_PADDING);

namespace {

namespace ondemand = simdjson::ondemand;

std::string_view without_trailing_space(std::string_view token) {
  const std::size_t last = token.find_last_not_of(" \t\r\n");
  return token.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

// simdjson refuses integers above 64 bits, which Python sends, so scalars are checked as text and
// never converted. Lone surrogates pass, as RFC 8259 allows.
bool is_json_scalar(std::string_view token) {
  token = without_trailing_space(token);
  if (token.empty()) return false;
  if (token[0] == '"') {
    return token.size() >= 2 && token.back() == '"' &&
           is_json_string_inside(token.substr(1, token.size() - 2));
  }
  const char* end = token.data() + token.size();
  return end_of_json_scalar(token.data(), end) == end;
}

Refusal refusal_of(simdjson::error_code error) {
  if (error == simdjson::UTF8_ERROR) return Refusal::invalid_utf8;
  if (error == simdjson::DEPTH_ERROR) return Refusal::too_deep;
  return Refusal::malformed_json;
}

// One pass over one text. Visits everything, because on-demand parsing checks only what it is asked
// for. Its methods answer false once the text as a whole is refused; why() then says for what.
class Walker {
 public:
  [[nodiscard]] Refusal why() const { return why_; }

  // Unwraps what simdjson answered.
  template <class T>
  bool take(simdjson::simdjson_result<T> answer, T& value) {
    const simdjson::error_code error = std::move(answer).get(value);
    if (error) why_ = refusal_of(error);
    return !error;
  }

  bool refuse(Refusal why) {
    why_ = why;
    return false;
  }

  // A value inside `depth` objects and lists.
  bool walk(ondemand::value value, std::size_t depth) {
    ondemand::json_type type{};
    if (!take(value.type(), type)) return false;
    if (type == ondemand::json_type::object || type == ondemand::json_type::array) {
      if (depth >= kJsonDepthMax) return refuse(Refusal::too_deep);
      return type == ondemand::json_type::object ? walk_object(value, depth + 1)
                                                 : walk_list(value, depth + 1);
    }
    // A token ends where the next begins. simdjson skips a string before a colon as if it were a
    // key, wherever it stands.
    const std::string_view token = value.raw_json_token();
    const bool like_a_key = token.starts_with('"') && token.data()[token.size()] == ':';
    return (!like_a_key && is_json_scalar(token)) || refuse(Refusal::malformed_json);
  }

  // The fields of one event that the relay itself reads; the rest is only walked over.
  bool walk_event(ondemand::object object, std::size_t depth, JsonEvent& event) {
    std::size_t types = 0;
    for (auto field : object) {
      std::string_view key;
      ondemand::value value;
      if (!take_key(field, key) || !take(field.value(), value)) return false;
      if (key == "type") {
        ++types;
        ondemand::json_type kind{};
        if (!take(value.type(), kind)) return false;
        if (kind == ondemand::json_type::string) {
          const std::string_view token = value.raw_json_token();
          if (!value.get_string().get(event.type)) continue;
          event.type = {};  // lone surrogates are JSON, but no text
          if (!is_json_scalar(token)) return refuse(Refusal::malformed_json);
          continue;
        }
      } else if (key == "timestamp") {
        event.timestamp_us = microseconds_of(without_trailing_space(value.raw_json_token()));
      }
      if (!walk(value, depth)) return false;
    }
    event.accepted = types == 1 && !event.type.empty();
    event.refusal = types > 1 ? Refusal::duplicate_type : Refusal::missing_type;
    return true;
  }

 private:
  // A field's name; "" for one that is no text, because lone surrogates are JSON all the same.
  bool take_key(simdjson::simdjson_result<ondemand::field>& field, std::string_view& key) {
    ondemand::raw_json_string raw;
    if (!take(field.key(), raw)) return false;
    if (!field.unescaped_key().get(key)) return true;
    key = {};
    const char* end = raw.raw();
    while (*end != '"') end += *end == '\\' ? 2 : 1;
    const std::string_view token(raw.raw() - 1, static_cast<std::size_t>(end - raw.raw()) + 2);
    return is_json_scalar(token) || refuse(Refusal::malformed_json);
  }

  bool walk_object(ondemand::value value, std::size_t depth) {
    ondemand::object object;
    if (!take(value.get_object(), object)) return false;
    for (auto field : object) {
      std::string_view key;
      ondemand::value below;
      if (!take_key(field, key) || !take(field.value(), below)) return false;
      if (!walk(below, depth)) return false;
    }
    return true;
  }

  bool walk_list(ondemand::value value, std::size_t depth) {
    ondemand::array list;
    if (!take(value.get_array(), list)) return false;
    for (auto element : list) {
      ondemand::value below;
      if (!take(std::move(element), below) || !walk(below, depth)) return false;
    }
    return true;
  }

  Refusal why_{};
};

// What began with the token `first` was walked over, so the parser stands at the next one, or past
// the end, or still at a lone scalar; spaces behind are not ours.
void place(JsonEvent& event, std::string_view first, std::string_view text,
           ondemand::document& document) {
  const char* end = text.data() + text.size();
  const char* next = nullptr;
  if (!document.current_location().get(next)) end = std::max(next, first.data() + first.size());
  event.offset = static_cast<std::uint32_t>(first.data() - text.data());
  event.length = static_cast<std::uint32_t>(without_trailing_space({first.data(), end}).size());
}

}  // namespace

struct CeleryJson::Parser {
  simdjson::ondemand::parser ondemand;
};

CeleryJson::CeleryJson(const SourceLimits& limits)
    : limits_(limits), parser_(std::make_unique<Parser>()) {}
CeleryJson::~CeleryJson() = default;

tl::expected<const CeleryJson::Scan*, Refusal> CeleryJson::scan(std::string_view text) {
  scan_.events.clear();
  scan_.is_list = false;
  Walker walker;
  ondemand::document document;
  const std::size_t capacity = text.size() + simdjson::SIMDJSON_PADDING;
  if (!walker.take(parser_->ondemand.iterate(text.data(), text.size(), capacity), document)) {
    return tl::unexpected(walker.why());
  }

  const auto take_event = [&](ondemand::object object, std::string_view first, std::size_t depth) {
    JsonEvent& event = scan_.events.emplace_back();
    if (!walker.walk_event(object, depth, event)) return false;
    place(event, first, text, document);
    if (event.accepted && event.length > limits_.event_bytes_max) {
      event.accepted = false;
      event.refusal = Refusal::event_too_large;
    }
    return true;
  };

  const auto take_list = [&](ondemand::array list) {
    for (auto element : list) {
      ondemand::value value;
      ondemand::json_type kind{};
      if (!walker.take(std::move(element), value) || !walker.take(value.type(), kind)) return false;
      if (scan_.events.size() >= kEventsPerListMax) return walker.refuse(Refusal::too_many_events);
      const std::string_view first = value.raw_json_token();
      if (kind != ondemand::json_type::object) {
        if (!walker.walk(value, 1)) return false;
        JsonEvent& stranger = scan_.events.emplace_back();
        stranger.accepted = false;
        stranger.refusal = Refusal::not_an_event;
        place(stranger, first, text, document);
        continue;
      }
      ondemand::object object;
      if (!walker.take(value.get_object(), object) || !take_event(object, first, 2)) return false;
    }
    return true;
  };

  const auto take_document = [&] {
    ondemand::json_type kind{};
    if (!walker.take(document.type(), kind)) return false;
    if (kind == ondemand::json_type::object) {
      ondemand::object object;
      return walker.take(document.get_object(), object) &&
             take_event(object, text.substr(text.find('{'), 1), 1);
    }
    if (kind != ondemand::json_type::array) return walker.refuse(Refusal::not_an_event);
    scan_.is_list = true;
    ondemand::array list;
    return walker.take(document.get_array(), list) && take_list(list);
  };

  if (!take_document()) return tl::unexpected(walker.why());
  const char* behind = nullptr;
  if (!document.current_location().get(behind)) return tl::unexpected(Refusal::malformed_json);
  return &scan_;
}

}  // namespace xylem
