#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "relay/transport/socket.h"

namespace xylem::testing {

// A directory of its own, gone with the test.
class TempDir {
 public:
  TempDir() {
    std::string path = (std::filesystem::temp_directory_path() / "xylem-XXXXXX").string();
    path_ = ::mkdtemp(path.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Address ipc(const std::string& name) const {
    return Address::parse("ipc://" + path_ + "/" + name).value();
  }

 private:
  std::string path_;
};

constexpr int kSoonMs = 20'000;  // only ever waited out by a test that fails

// Waits until the socket may have something to say, as poll(2) and libzmq's edge want it.
inline bool await(Socket& socket) {
  pollfd wait{socket.fd(), POLLIN, 0};
  return ::poll(&wait, 1, kSoonMs) == 1;
}

inline bool receive_soon(Socket& socket, Frame& frame) {
  while (!socket.receive(frame)) {
    if (!socket.readable() && !await(socket)) return false;
  }
  return true;
}

// The frames of the next message, joined by '|'; "nothing" if none comes.
inline std::string message_of(Socket& socket) {
  std::string told;
  for (;;) {
    Frame frame;
    if (!receive_soon(socket, frame)) return told + "nothing";
    told += frame.text();
    if (!frame.more()) return told;
    told += "|";
  }
}

inline SendOutcome send_soon(Socket& socket, std::initializer_list<std::string_view> frames) {
  std::size_t left = frames.size();
  for (const std::string_view text : frames) {
    Frame frame(text);
    const bool more = --left != 0;
    SendOutcome outcome = socket.send(frame, more);
    while (outcome == SendOutcome::full && (socket.writable() || await(socket))) {
      outcome = socket.send(frame, more);
    }
    if (outcome != SendOutcome::sent) return outcome;
  }
  return SendOutcome::sent;
}

}  // namespace xylem::testing
