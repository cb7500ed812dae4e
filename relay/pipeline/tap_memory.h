#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "relay/event/batch.h"

namespace xylem {

class Tap;

// The memory of what all taps of one sink hold together: a batch that several of them hold counts
// once, and so does a thinned copy. Likewise of the taps of each peer address. An eighth is kept
// for those who hold little: every address has the same share of it, and every tap of an address
// the same share of that. Nobody has to let go of his share. One owner thread, the sink's.
class TapMemory {
 public:
  // Of one address.
  struct Account {
    std::uint64_t bytes = 0;
    std::size_t taps = 0;
    std::unordered_map<const Batch*, std::uint32_t> holders;
    std::vector<Tap*> fattest;  // for TapSet, while it looks for it
  };
  class Close {
   public:
    Close() = default;
    Close(TapMemory& memory, std::string address)
        : memory_(&memory), address_(std::move(address)) {}
    void operator()(Account* account) const {
      if (--account->taps == 0) memory_->accounts_.erase(address_);
    }

   private:
    TapMemory* memory_ = nullptr;
    std::string address_;
  };
  using AccountRef = std::unique_ptr<Account, Close>;

  explicit TapMemory(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // For a tap of this address, for as long as it is there.
  [[nodiscard]] AccountRef open(std::string_view address) {
    Account& account = accounts_[std::string(address)];
    ++account.taps;
    return {&account, Close(*this, std::string(address))};
  }
  void hold(const Batch& batch, Account& account) {
    if (account.holders[&batch]++ == 0) account.bytes += batch.footprint();
    if (batch.hold()) bytes_ += batch.footprint();
  }
  // REQUIRES that this account holds it.
  void let_go(const Batch& batch, Account& account) {
    const auto held = account.holders.find(&batch);
    if (--held->second == 0) {
      account.bytes -= batch.footprint();
      account.holders.erase(held);
    }
    if (batch.let_go()) bytes_ -= batch.footprint();
  }

  // Somebody has to let go of something.
  [[nodiscard]] bool over() const { return bytes_ > bytes_max_ - kept(); }
  // Who was told to take no more than his share may not begin again yet.
  [[nodiscard]] bool tight() const { return bytes_ > bytes_max_ - 2 * kept(); }
  [[nodiscard]] std::uint64_t share_of_each(const Account& account) const {
    return kept() / accounts_.size() / account.taps;
  }

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t bytes_max() const { return bytes_max_; }

 private:
  [[nodiscard]] std::uint64_t kept() const { return bytes_max_ / 8; }

  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  std::map<std::string, Account> accounts_;  // of addresses that have a tap
};

}  // namespace xylem
