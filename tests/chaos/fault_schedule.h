#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

// The schedule by which write_faults.cc lets calls fail, and the counts of what it did. Both stand
// in files, which write_faults.cc describes.

namespace xylem::chaos {

enum class Call {
  open,
  write,
  pwrite,
  pwritev,
  fallocate,
  ftruncate,
  fdatasync,
  fsync,
  rename,
  unlink
};

// What is to become of one call.
struct Fate {
  int error = 0;
  std::uint64_t slow_ms = 0;
  bool is_cut = false;
  std::uint64_t cut_bytes = 0;
  bool kill = false;
  bool kill_after = false;

  // How many of `wanted` bytes may be written.
  [[nodiscard]] std::size_t bytes(std::size_t wanted) const {
    if (!is_cut) return wanted;
    return std::min<std::size_t>(wanted, cut_bytes > 0 ? cut_bytes : (wanted + 1) / 2);
  }
};

[[noreturn]] void give_up(const std::string& why);

struct Rule;

// Any thread.
class FaultSchedule {
 public:
  // Of the environment; the first call reads it. Never destroyed, because files are written until
  // the very end of a process.
  static FaultSchedule& instance();

  [[nodiscard]] bool watches(std::string_view path) const;
  // Counts a call on a file that is watched, and says what is to become of it.
  Fate decide(Call call, std::string_view path);

 private:
  FaultSchedule();
  ~FaultSchedule();

  void open_counts(const std::string& path);
  void count(Call call, std::size_t column);
  void refresh();
  void apply(Rule& rule, Call call, Fate& fate);

  std::string directory_;
  std::string schedule_;
  std::mutex mutex_;
  std::vector<Rule> rules_;
  struct stat seen_ {};
  std::uint64_t* counts_ = nullptr;
};

}  // namespace xylem::chaos
