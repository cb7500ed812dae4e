#include "relay/zmtp/output.h"

#include <algorithm>
#include <array>
#include <utility>

#include "relay/base/check.h"
#include "relay/zmtp/frame_header.h"

namespace xylem::zmtp {

std::span<const std::byte> Output::Piece::bytes() const {
  return owner ? foreign : std::as_bytes(std::span(own));
}

std::string& Output::tail(std::size_t bytes) {
  const bool fits = !pieces_.empty() && !pieces_.back().owner &&
                    pieces_.back().own.size() + bytes <= pieces_.back().own.capacity();
  if (!fits) {
    // Larger and larger, so that who is seldom written to costs little.
    const std::size_t before = pieces_.empty() ? 0 : pieces_.back().bytes().size();
    const std::size_t wanted = std::clamp(4 * before, kFirstPieceBytes, kPieceBytes);
    pieces_.push_back({std::exchange(spare_, {}), nullptr, {}});
    pieces_.back().own.reserve(std::max(wanted, bytes));
  }
  return pieces_.back().own;
}

void Output::put_header(std::size_t body_bytes, bool more) {
  std::array<std::byte, kFrameHeaderBytesMax> header;
  const std::size_t header_bytes = write_frame_header(header, {more, false, body_bytes, 0});
  put({reinterpret_cast<const char*>(header.data()), header_bytes});
}

void Output::put_where_it_lies(std::span<const std::byte> octets,
                               std::shared_ptr<const void> owner) {
  bytes_ += octets.size();
  pieces_.push_back({{}, std::move(owner), octets});
}

void Output::put_frame(std::span<const std::byte> body, bool more) {
  put_header(body.size(), more);
  put({reinterpret_cast<const char*>(body.data()), body.size()});
}

void Output::put_frame(std::span<const std::byte> body, bool more,
                       std::shared_ptr<const void> owner) {
  put_header(body.size(), more);
  put_where_it_lies(body, std::move(owner));
}

void Output::put(std::string_view octets) {
  if (octets.empty()) return;
  tail(octets.size()).append(octets);
  bytes_ += octets.size();
}

void Output::put(std::shared_ptr<const std::string> octets) {
  const auto bytes = std::as_bytes(std::span(*octets));
  put_where_it_lies(bytes, std::move(octets));
}

std::size_t Output::pieces(std::span<std::span<const std::byte>> out) const {
  const std::size_t count = std::min(out.size(), pieces_.size());
  for (std::size_t i = 0; i < count; ++i) out[i] = pieces_[i].bytes();
  if (count != 0) out[0] = out[0].subspan(written_);
  return count;
}

void Output::drop(std::size_t bytes) {
  XYLEM_CHECK(bytes <= bytes_, "only what was there is written");
  bytes_ -= bytes;
  written_ += bytes;
  while (!pieces_.empty() && written_ >= pieces_.front().bytes().size()) {
    Piece& done = pieces_.front();
    written_ -= done.bytes().size();
    if (!done.owner && done.own.capacity() > spare_.capacity()) {
      spare_ = std::move(done.own);
      spare_.clear();
    }
    pieces_.pop_front();
  }
}

void Output::take_over(Output& other) {
  XYLEM_CHECK(other.written_ == 0, "no frame is cut in two");
  for (Piece& piece : other.pieces_) pieces_.push_back(std::move(piece));
  bytes_ += other.bytes_;
  other.clear();
}

void Output::clear() {
  pieces_.clear();
  written_ = 0;
  bytes_ = 0;
}

}  // namespace xylem::zmtp
