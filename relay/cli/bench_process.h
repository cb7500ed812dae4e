#pragma once

#include <sys/types.h>

#include <cstdint>

namespace xylem::cli {

// What a process and all that descend from it have used, as /proc tells.
struct ProcessFigures {
  double cpu_s = 0;
  std::uint64_t peak_bytes = 0;  // resident, added over the processes
};
[[nodiscard]] ProcessFigures process_figures(pid_t pid);
// A child that calls this, first thing after fork(), gets `signal` once `parent` is gone, however
// that ended.
void end_with(pid_t parent, int signal);
// The peak is counted anew from now on, where the system lets us.
void forget_peak(pid_t pid);

}  // namespace xylem::cli
