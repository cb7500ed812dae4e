#pragma once

#include <cstring>
#include <string>
#include <string_view>

#include "relay/codec/celery_json.h"
#include "relay/event/batch.h"

namespace xylem::testing {

// One text scanned where it lies with the slack that CeleryJson asks for, and told in one line:
//
//   "task-sent"                      an event
//   "[task-sent !missing_type]"      a list, one of its events refused
//   "refused malformed_json"         the text as a whole
class ScannedJson {
 public:
  explicit ScannedJson(const SourceLimits& limits = {}) : json_(limits) {}

  std::string operator()(std::string_view text) {
    read(text);
    if (!scan_) return "refused " + std::string(name_of(scan_.error()));
    std::string told;
    for (const JsonEvent& event : (*scan_)->events) {
      if (!told.empty()) told += ' ';
      told += event.accepted ? std::string(event.type) : "!" + std::string(name_of(event.refusal));
    }
    return (*scan_)->is_list ? "[" + told + "]" : told;
  }

  void read(std::string_view text) {
    slab_ = Slab(text.size());
    if (!text.empty()) std::memcpy(slab_.begin(), text.data(), text.size());
    text_ = {reinterpret_cast<const char*>(slab_.begin()), text.size()};
    scan_ = json_.scan(text_);
  }

  [[nodiscard]] bool accepted() const { return scan_.has_value(); }
  [[nodiscard]] const CeleryJson::Scan& scan() const { return **scan_; }
  [[nodiscard]] const JsonEvent& event(std::size_t i = 0) const { return scan().events.at(i); }
  [[nodiscard]] std::string body(std::size_t i = 0) const {
    return std::string(text_.substr(event(i).offset, event(i).length));
  }

 private:
  CeleryJson json_;
  Slab slab_;
  std::string_view text_;
  tl::expected<const CeleryJson::Scan*, Refusal> scan_ = tl::unexpected(Refusal{});
};

}  // namespace xylem::testing
