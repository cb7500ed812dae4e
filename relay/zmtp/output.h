#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xylem::zmtp {

// What waits to be written to one connection, as octets. Frames are copied behind one another, so
// that many small ones leave by one system call; a large one can be left where it lies. Not
// thread-safe.
class Output {
 public:
  // One frame of a message, copied.
  void put_frame(std::span<const std::byte> body, bool more);
  // Likewise, without a copy: `owner` keeps `body` until it was written.
  void put_frame(std::span<const std::byte> body, bool more, std::shared_ptr<const void> owner);
  // Octets that are frames already: an opening, commands.
  void put(std::string_view octets);
  // Likewise, shared by several connections.
  void put(std::shared_ptr<const std::string> octets);

  [[nodiscard]] bool empty() const { return bytes_ == 0; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  // The first pieces, in order, up to as many as `out` takes; returns how many it gave. Valid until
  // the next call that changes anything.
  [[nodiscard]] std::size_t pieces(std::span<std::span<const std::byte>> out) const;
  // So many octets were written. REQUIRES bytes <= bytes().
  void drop(std::size_t bytes);
  // All of it, unwritten.
  void clear();
  // All that waits in `other`, behind what waits here; nothing waits there any more. REQUIRES that
  // nothing of it was written.
  void take_over(Output& other);

 private:
  struct Piece {
    std::string own;                    // or
    std::shared_ptr<const void> owner;  // of `foreign`
    std::span<const std::byte> foreign;
    [[nodiscard]] std::span<const std::byte> bytes() const;
  };
  static constexpr std::size_t kFirstPieceBytes = std::size_t{1} << 10;
  static constexpr std::size_t kPieceBytes = std::size_t{64} << 10;

  // Where `bytes` more can be appended.
  std::string& tail(std::size_t bytes);
  void put_header(std::size_t body_bytes, bool more);
  void put_where_it_lies(std::span<const std::byte> octets, std::shared_ptr<const void> owner);

  std::deque<Piece> pieces_;
  std::string spare_;        // the memory of a piece that was written
  std::size_t written_ = 0;  // of the first piece
  std::size_t bytes_ = 0;
};

}  // namespace xylem::zmtp
