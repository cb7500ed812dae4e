#include "relay/agent/line_writer.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "relay/base/log.h"

namespace xylem {

LineWriter::LineWriter(const std::string& name, int fd) : name_(name), fd_(fd) {
  auto done = std::make_shared<std::promise<void>>();
  done_ = done->get_future();
  thread_ = ServiceThread(name, [this, done] {
    run();
    done->set_value();
  });
}

LineWriter::~LineWriter() {
  queue_.close();
  thread_.join();
}

bool LineWriter::finish(Duration patience) {
  queue_.close();
  return done_.wait_for(patience) == std::future_status::ready;
}

void LineWriter::run() {
  for (;;) {
    const LineQueue::Taken taken = queue_.take();
    if (taken.text.empty()) return;
    write(taken.text);
    if (taken.lost == 0) continue;
    write(log_text(LogLevel::warning,
                   fmt::format("{} lines were lost here, because nobody took them", taken.lost)));
  }
}

// The line is lost; one that follows may find room. The log of a lost log line would be lost too,
// so the failure is told once.
void LineWriter::on_failure(int error) {
  if (std::exchange(has_failed_, true)) return;
  XYLEM_LOG(warning, "a line for {} is lost: {}", name_, std::strerror(error));
}

void LineWriter::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // somebody who shares the descriptor made it so
      pollfd room{fd_, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return on_failure(errno);
    }
  }
}

}  // namespace xylem
