#include "relay/codec/event_hostname.h"

#include <simdjson.h>

namespace xylem {

struct EventHostname::Parser {
  simdjson::ondemand::parser parser;
};

EventHostname::EventHostname() : parser_(std::make_unique<Parser>()) {}
EventHostname::~EventHostname() = default;

std::string_view EventHostname::of(std::string_view body) {
  simdjson::ondemand::document document;
  const simdjson::padded_string_view text(body.data(), body.size(),
                                          body.size() + simdjson::SIMDJSON_PADDING);
  std::string_view found;
  if (parser_->parser.iterate(text).get(document) != simdjson::SUCCESS) return {};
  simdjson::ondemand::object object;
  if (document.get_object().get(object) != simdjson::SUCCESS) return {};
  if (object.find_field_unordered("hostname").get_string().get(found) != simdjson::SUCCESS) {
    return {};
  }
  return found;
}

}  // namespace xylem
