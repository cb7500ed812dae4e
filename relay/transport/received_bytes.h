#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace xylem {

// What was read from a connection at a time, kept as long as a frame in it is. The count is a plain
// one: frames stay on the thread of the socket that received them.
struct ReceivedBytes {
  explicit ReceivedBytes(std::size_t bytes) : storage(new std::byte[bytes]), capacity(bytes) {}
  std::unique_ptr<std::byte[]> storage;
  std::size_t capacity;
  std::shared_ptr<const std::string> peer;  // its IP address; "" over ipc
  std::uint32_t references = 0;
};

class ReceivedRef {
 public:
  ReceivedRef() = default;
  explicit ReceivedRef(ReceivedBytes* bytes) : bytes_(bytes) { ++bytes_->references; }
  ReceivedRef(const ReceivedRef& other) : bytes_(other.bytes_) {
    if (bytes_ != nullptr) ++bytes_->references;
  }
  ReceivedRef(ReceivedRef&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)) {}
  ReceivedRef& operator=(ReceivedRef other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~ReceivedRef() {
    if (bytes_ != nullptr && --bytes_->references == 0) delete bytes_;
  }
  ReceivedBytes* operator->() const { return bytes_; }
  explicit operator bool() const { return bytes_ != nullptr; }
  // Nobody else holds it, so it may be written anew.
  [[nodiscard]] bool is_sole() const { return bytes_ != nullptr && bytes_->references == 1; }

 private:
  ReceivedBytes* bytes_ = nullptr;
};

}  // namespace xylem
