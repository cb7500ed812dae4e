#include "relay/cli/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "relay/base/log.h"

namespace xylem::cli {
namespace {

tl::unexpected<Error> failed_on(const std::string& path, std::string_view why) {
  return fail(ErrorCode::io, fmt::format("'{}': {}", printable(path), why));
}

// A file that ends within a line: a kill cut that off.
bool is_cut_off(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file || file.tellg() <= 0) return false;
  file.seekg(-1, std::ios::end);
  return file.get() != '\n';
}

}  // namespace

Result<Output> Output::open(const std::string& path, Mode mode) {
  if (path == "-") return to_stdout();
  constexpr int kHow = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
  int fd = ::open(path.c_str(), kHow | O_EXCL, 0666);
  const bool is_new = fd >= 0;
  if (fd < 0 && errno == EEXIST && mode != Mode::create) fd = ::open(path.c_str(), kHow, 0666);
  if (fd < 0) {
    return failed_on(path, errno == EEXIST
                               ? "it is there already; --append goes on behind it, --force writes "
                                 "over it"
                               : std::strerror(errno));
  }
  const bool cut_off = mode == Mode::append && is_cut_off(path);
  std::FILE* file = ::fdopen(fd, "a");
  if (file == nullptr) {
    const int error = errno;
    ::close(fd);
    return failed_on(path, std::strerror(error));
  }
  Output made(file);
  made.know_file(is_new);
  made.replaces_ = mode == Mode::replace && !is_new;
  if (cut_off) made.line("");
  return made;
}

void Output::know_file(bool made) {
  struct stat status {};
  if (::fstat(::fileno(file_.get()), &status) != 0) return;
  made_ = made && S_ISREG(status.st_mode);
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

void Output::discard_old() {
  if (!std::exchange(replaces_, false)) return;
  const int fd = ::fileno(file_.get());
  struct stat status {};
  if (::fstat(fd, &status) != 0 || (S_ISREG(status.st_mode) && ::ftruncate(fd, 0) != 0)) {
    remember_error();
  }
}

void Output::remove_if_made(const std::string& path) const {
  struct stat status {};
  if (!made_ || ::lstat(path.c_str(), &status) != 0) return;
  if (status.st_dev == device_ && status.st_ino == inode_) ::unlink(path.c_str());
}

void Output::line(const std::string& text) {
  discard_old();
  if (error_ != 0) return;
  const bool written = std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() &&
                       std::fputc('\n', file_.get()) != EOF;
  if (written) {
    bytes_ += text.size() + 1;
  } else {
    remember_error();
  }
}

void Output::flush() {
  if (error_ == 0 && std::fflush(file_.get()) != 0) remember_error();
  if (error_ != 0) return;
  // Asked for nothing, poll(2) still tells of a pipe or a terminal without its other end.
  pollfd other_end{::fileno(file_.get()), 0, 0};
  if (::poll(&other_end, 1, 0) == 1 && (other_end.revents & (POLLERR | POLLHUP)) != 0) {
    error_ = EPIPE;
  }
}

Result<void> Output::reopen(const std::string& path) {
  flush();
  XYLEM_TRY(Output next, open(path, Mode::append));
  file_ = std::move(next.file_);
  made_ = replaces_ = false;
  return {};
}

Result<void> Output::finish() {
  if (error_ == 0 && std::fflush(file_.get()) != 0) remember_error();
  if (!is_stdout() && std::fclose(file_.release()) != 0) remember_error();
  if (error_ == 0 || reader_has_gone()) return {};
  return fail(ErrorCode::io, std::strerror(error_));
}

bool Output::reader_has_gone() const { return error_ == EPIPE; }

void Output::remember_error() {
  if (error_ == 0) error_ = errno != 0 ? errno : EIO;
}

Result<void> flush_stdout() {
  const bool failed_before = std::ferror(stdout) != 0;
  errno = 0;
  if (std::fflush(stdout) == 0 && !failed_before) return {};
  return fail(ErrorCode::io, fmt::format("cannot write to standard output: {}",
                                         errno != 0 ? std::strerror(errno) : "a write failed"));
}

}  // namespace xylem::cli
