#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "relay/base/result.h"

namespace xylem {

// How many subscribers there may be, and how much they may want, all together and from one peer
// address, so that one peer cannot take every place. All local sockets count as one address. One
// owner thread.
class SubscriberShares {
 public:
  struct Limits {
    std::size_t subscribers_max = 1024;
    std::size_t subscribers_per_address_max = 512;
    std::size_t pattern_words_max = 65'536;  // one address may have half of them
  };
  struct Share {
    std::size_t subscribers = 0;
    std::size_t pattern_words = 0;
  };
  explicit SubscriberShares(const Limits& limits) : limits_(limits) {}

  // Whether one more may come. Errors: refused, naming the limit and the option that sets it.
  [[nodiscard]] Result<void> check(std::string_view address, std::size_t pattern_words) const;
  void add(std::string_view address, std::size_t pattern_words);
  // REQUIRES that it was added.
  void remove(std::string_view address, std::size_t pattern_words);

  [[nodiscard]] const Share& all() const { return all_; }

 private:
  Limits limits_;
  Share all_;
  std::map<std::string, Share, std::less<>> by_address_;  // of those that have a subscriber
};

}  // namespace xylem
