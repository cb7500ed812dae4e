#include "relay/codec/batch_builder.h"

#include <functional>

#include "relay/base/check.h"
#include "relay/codec/batch_codec.h"

namespace xylem {

BatchBuilder::BatchBuilder(std::size_t bytes_full, std::size_t text_bytes_max)
    : bytes_full_(bytes_full), text_bytes_max_(text_bytes_max), text_(bytes_full + text_bytes_max) {
  entries_.reserve(kEventsPerBatchMax);
}

char* BatchBuilder::place(std::size_t bytes) {
  XYLEM_CHECK(bytes <= text_bytes_max_ && !full(),
              "a text has room behind a batch that is not full");
  return reinterpret_cast<char*>(text_.begin()) + bytes_;
}

std::uint16_t BatchBuilder::key_index(std::string_view key) {
  const auto text_of = [this](std::uint16_t index) {
    return std::string_view(key_text_).substr(keys_[index].first, keys_[index].second);
  };
  // Events of one kind come in runs.
  if (last_key_ < keys_.size() && text_of(last_key_) == key) return last_key_;
  for (std::size_t at = std::hash<std::string_view>{}(key) % kSlots;; at = (at + 1) % kSlots) {
    Slot& slot = slots_[at];
    if (slot.round != round_) {
      const auto index = static_cast<std::uint16_t>(keys_.size());
      slot = {round_, index};
      keys_.emplace_back(static_cast<std::uint32_t>(key_text_.size()),
                         static_cast<std::uint32_t>(key.size()));
      key_text_ += key;
      return last_key_ = index;
    }
    if (text_of(slot.key) == key) return last_key_ = slot.key;
  }
}

void BatchBuilder::add(std::string_view key, std::uint32_t offset, std::uint32_t length,
                       std::int64_t timestamp_us) {
  XYLEM_CHECK(entries_.size() < kEventsPerBatchMax, "a list fits behind a batch that is not full");
  entries_.push_back({timestamp_us, static_cast<std::uint32_t>(bytes_) + offset, length,
                      static_cast<std::uint32_t>(entries_.size()), key_index(key), 0});
}

std::unique_ptr<Batch> BatchBuilder::finish() {
  XYLEM_CHECK(!empty(), "an empty batch is not sent");
  std::vector<std::string_view> keys;
  keys.reserve(keys_.size());
  for (const auto& [offset, length] : keys_) {
    keys.push_back(std::string_view(key_text_).substr(offset, length));
  }
  auto batch =
      write_batch({keys, entries_, {reinterpret_cast<const char*>(text_.begin()), bytes_}});
  bytes_ = 0;
  entries_.clear();
  keys_.clear();
  key_text_.clear();
  if (++round_ == 0) {  // after 2^32 batches the old marks would look new
    slots_.assign(kSlots, Slot{});
    round_ = 1;
  }
  return batch;
}

}  // namespace xylem
