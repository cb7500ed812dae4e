#include "tests/chaos/fault_schedule.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <tuple>

namespace xylem::chaos {

enum class Act { error, cut, slow, kill, kill_after };

struct Rule {
  std::optional<Call> call;  // or any
  Act act = Act::error;
  int error = 0;
  std::uint64_t amount = 0;  // bytes or milliseconds
  std::uint64_t times = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t after = 1;
  std::uint64_t one_in = 1;
  std::uint64_t seed = 0;
  std::string file;
  std::uint64_t matched = 0;
  std::uint64_t acted = 0;
};

namespace {

constexpr std::array kCallNames{"open",      "write",     "pwrite", "pwritev", "fallocate",
                                "ftruncate", "fdatasync", "fsync",  "rename",  "unlink"};
constexpr std::array kColumnNames{"calls", "error", "short", "slow", "kill"};
constexpr std::size_t kHeaderBytes = 512;  // names in text, then the table in 64-bit numbers
constexpr std::size_t kCells = kCallNames.size() * kColumnNames.size();
constexpr std::size_t kCountsBytes = kHeaderBytes + kCells * sizeof(std::uint64_t);

std::uint64_t scattered(std::uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::uint64_t number_in(const std::string& text, const std::string& line) {
  char* end = nullptr;
  const std::uint64_t number = std::strtoull(text.c_str(), &end, 10);
  if (text.empty() || *end != 0) give_up("no number '" + text + "' in '" + line + "'");
  return number;
}

int error_named(const std::string& name) {
  for (int error = 1; error < 256; ++error) {
    const char* known = strerrorname_np(error);
    if (known != nullptr && name == known) return error;
  }
  return 0;
}

void read_option(Rule& rule, const std::string& word, const std::string& line) {
  const std::size_t equals = std::min(word.find('='), word.size());
  const std::string name = word.substr(0, equals);
  const std::string value = equals < word.size() ? word.substr(equals + 1) : "";
  if (word == "once") {
    rule.times = 1;
  } else if (name == "file") {
    rule.file = value;
  } else if (name == "times") {
    rule.times = number_in(value, line);
  } else if (name == "after") {
    rule.after = number_in(value, line);
  } else if (name == "seed") {
    rule.seed = number_in(value, line);
  } else if (name == "one-in") {
    rule.one_in = std::max<std::uint64_t>(1, number_in(value, line));
  } else {
    give_up("no option '" + word + "' in '" + line + "'");
  }
}

Rule rule_of(const std::string& line) {
  Rule rule;
  std::istringstream words(line);
  std::string call;
  std::string act;
  words >> call >> act;
  const auto known = std::find(kCallNames.begin(), kCallNames.end(), call);
  if (known != kCallNames.end()) {
    rule.call = static_cast<Call>(known - kCallNames.begin());
  } else if (call != "any") {
    give_up("no call '" + call + "' in '" + line + "'");
  }
  if (act == "short") {
    rule.act = Act::cut;
  } else if (act == "slow") {
    rule.act = Act::slow;
  } else if (act == "kill") {
    rule.act = Act::kill;
  } else if (act == "kill-after") {
    rule.act = Act::kill_after;
  } else if (rule.error = error_named(act); rule.error == 0) {
    give_up("no act '" + act + "' in '" + line + "'");
  }
  bool may_be_amount = rule.act == Act::slow || rule.act == Act::cut;
  for (std::string word; words >> word;) {
    if (may_be_amount && word.find_first_not_of("0123456789") == std::string::npos) {
      rule.amount = number_in(word, line);
    } else {
      read_option(rule, word, line);
    }
    may_be_amount = false;
  }
  if (rule.act == Act::slow && rule.amount == 0) give_up("slow by how much in '" + line + "'");
  return rule;
}

bool is_write(Call call) {
  return call == Call::write || call == Call::pwrite || call == Call::pwritev;
}

}  // namespace

[[noreturn]] void give_up(const std::string& why) {
  dprintf(STDERR_FILENO, "xylem_write_faults: %s\n", why.c_str());
  std::abort();
}

FaultSchedule& FaultSchedule::instance() {
  static FaultSchedule* const made = new FaultSchedule;
  return *made;
}

bool FaultSchedule::watches(std::string_view path) const {
  return !directory_.empty() && path.substr(0, directory_.size()) == directory_ &&
         (path.size() == directory_.size() || path[directory_.size()] == '/');
}

Fate FaultSchedule::decide(Call call, std::string_view path) {
  const std::lock_guard lock(mutex_);
  refresh();
  count(call, 0);
  Fate fate;
  for (Rule& rule : rules_) {
    if (rule.call.value_or(call) == call && (rule.act != Act::cut || is_write(call)) &&
        path.find(rule.file) != std::string_view::npos) {
      apply(rule, call, fate);
    }
  }
  return fate;
}

FaultSchedule::FaultSchedule() {
  const auto from = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value != nullptr ? value : "");
  };
  directory_ = from("WRITE_FAULTS_DIR");
  std::array<char, PATH_MAX> real{};
  if (!directory_.empty() && realpath(directory_.c_str(), real.data()) != nullptr) {
    directory_ = real.data();
  }
  schedule_ = from("WRITE_FAULTS_FILE");
  open_counts(from("WRITE_FAULTS_COUNTS"));
}

FaultSchedule::~FaultSchedule() = default;

// Shared memory and not a text written anew, so that a SIGKILL at any moment loses no count.
void FaultSchedule::open_counts(const std::string& path) {
  if (path.empty()) return;
  std::string header = "xylem_write_faults 1\ncalls";
  for (const char* name : kCallNames) header += std::string(" ") + name;
  header += "\ncolumns";
  for (const char* name : kColumnNames) header += std::string(" ") + name;
  header.resize(kHeaderBytes, '\n');
  // By system calls of its own, which cannot come back here as calls to be made to fail.
  const int fd = static_cast<int>(
      syscall(SYS_openat, AT_FDCWD, path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (fd < 0 || syscall(SYS_ftruncate, fd, kCountsBytes) != 0 ||
      syscall(SYS_pwrite64, fd, header.data(), header.size(), 0L) < 0) {
    give_up("cannot write counts to " + path);
  }
  void* const memory = mmap(nullptr, kCountsBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) give_up("cannot map counts of " + path);
  counts_ = reinterpret_cast<std::uint64_t*>(static_cast<char*>(memory) + kHeaderBytes);
  close(fd);
}

void FaultSchedule::count(Call call, std::size_t column) {
  if (counts_ == nullptr) return;
  auto& cell = counts_[static_cast<std::size_t>(call) * kColumnNames.size() + column];
  std::atomic_ref(cell).fetch_add(1, std::memory_order_relaxed);
}

void FaultSchedule::refresh() {
  struct stat now {};
  if (schedule_.empty() || stat(schedule_.c_str(), &now) != 0) now = {};
  const auto mark = [](const struct stat& of) {
    return std::tuple(of.st_ino, of.st_size, of.st_mtim.tv_sec, of.st_mtim.tv_nsec);
  };
  if (mark(now) == mark(seen_)) return;
  seen_ = now;
  rules_.clear();
  std::ifstream file(schedule_);
  for (std::string line; std::getline(file, line);) {
    line = line.substr(0, line.find('#'));
    if (line.find_first_not_of(" \t") != std::string::npos) rules_.push_back(rule_of(line));
  }
}

void FaultSchedule::apply(Rule& rule, Call call, Fate& fate) {
  if (++rule.matched < rule.after || rule.acted >= rule.times) return;
  if (rule.one_in > 1 && scattered(rule.seed ^ scattered(rule.matched)) % rule.one_in != 0) {
    return;
  }
  if ((rule.act == Act::error || rule.act == Act::cut) && (fate.error != 0 || fate.is_cut)) {
    return;
  }
  ++rule.acted;
  switch (rule.act) {
    case Act::error: fate.error = rule.error; break;
    case Act::cut:
      fate.is_cut = true;
      fate.cut_bytes = rule.amount;
      break;
    case Act::slow: fate.slow_ms += rule.amount; break;
    case Act::kill: fate.kill = true; break;
    case Act::kill_after: fate.kill_after = true; break;
  }
  count(call, rule.act == Act::kill_after ? 4 : 1 + static_cast<std::size_t>(rule.act));
}

}  // namespace xylem::chaos
