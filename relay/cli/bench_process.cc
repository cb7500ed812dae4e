#include "relay/cli/bench_process.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace xylem::cli {
namespace {

struct Stat {
  pid_t parent = 0;
  double cpu_s = 0;
};

Stat stat_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  Stat stat;
  fields >> skipped >> stat.parent;
  for (int i = 0; i < 9; ++i) fields >> skipped;  // up to utime
  double user = 0;
  double system = 0;
  fields >> user >> system;
  stat.cpu_s = (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return stat;
}

std::uint64_t peak_of(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  }
  return 0;
}

// Parents before their children.
std::vector<pid_t> family_of(pid_t pid) {
  std::vector<std::pair<pid_t, pid_t>> children;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
    const pid_t other = std::atoi(entry.path().filename().c_str());
    if (other > 0) children.emplace_back(stat_of(other).parent, other);
  }
  std::vector<pid_t> family{pid};
  for (std::size_t i = 0; i < family.size(); ++i) {
    for (const auto& [parent, child] : children)
      if (parent == family[i]) family.push_back(child);
  }
  return family;
}

}  // namespace

ProcessFigures process_figures(pid_t pid) {
  ProcessFigures figures;
  for (const pid_t each : family_of(pid)) {
    figures.cpu_s += stat_of(each).cpu_s;
    figures.peak_bytes += peak_of(each);
  }
  return figures;
}

void end_with(pid_t parent, int signal) {
  ::prctl(PR_SET_PDEATHSIG, signal);
  if (::getppid() != parent) ::_exit(1);  // it was gone before that
}

void forget_peak(pid_t pid) {
  for (const pid_t each : family_of(pid))
    std::ofstream(fmt::format("/proc/{}/clear_refs", each)) << 5;
}

}  // namespace xylem::cli
