#include "relay/egress/subscriber_shares.h"

#include <fmt/format.h>

namespace xylem {

Result<void> SubscriberShares::check(std::string_view address, std::size_t pattern_words) const {
  if (all_.subscribers >= limits_.subscribers_max) {
    return fail(ErrorCode::refused, fmt::format("{} subscribers are as many as this relay takes",
                                                limits_.subscribers_max));
  }
  if (all_.pattern_words + pattern_words > limits_.pattern_words_max) {
    return fail(ErrorCode::refused,
                fmt::format("the patterns of all subscribers may have {} words together "
                            "(stream.pattern_words_max), of which {} are taken",
                            limits_.pattern_words_max, all_.pattern_words));
  }
  const auto known = by_address_.find(address);
  if (known == by_address_.end()) return {};
  if (known->second.subscribers >= limits_.subscribers_per_address_max) {
    return fail(ErrorCode::refused,
                fmt::format("{} subscribers are as many as one address may have here "
                            "(stream.subscribers_per_address_max)",
                            limits_.subscribers_per_address_max));
  }
  if (known->second.pattern_words + pattern_words > limits_.pattern_words_max / 2) {
    return fail(ErrorCode::refused,
                fmt::format("the patterns of one address may have {} words together "
                            "(half of stream.pattern_words_max), of which {} are taken",
                            limits_.pattern_words_max / 2, known->second.pattern_words));
  }
  return {};
}

void SubscriberShares::add(std::string_view address, std::size_t pattern_words) {
  for (Share* share : {&all_, &by_address_[std::string(address)]}) {
    ++share->subscribers;
    share->pattern_words += pattern_words;
  }
}

void SubscriberShares::remove(std::string_view address, std::size_t pattern_words) {
  const auto known = by_address_.find(address);
  for (Share* share : {&all_, &known->second}) {
    --share->subscribers;
    share->pattern_words -= pattern_words;
  }
  if (known->second.subscribers == 0) by_address_.erase(known);
}

}  // namespace xylem
