#include "relay/zmtp/frame_header.h"

namespace xylem::zmtp {
namespace {

constexpr std::byte kMore{1};
constexpr std::byte kLong{2};
constexpr std::byte kCommand{4};
constexpr std::byte kReserved{0xF8};
constexpr std::size_t kShortBytes = 2;

bool any(std::byte flags) { return flags != std::byte{0}; }

}  // namespace

tl::expected<std::optional<FrameHeader>, Violation> read_frame_header(
    std::span<const std::byte> in) {
  if (in.empty()) return std::nullopt;
  const std::byte flags = in[0];
  FrameHeader header{any(flags & kMore), any(flags & kCommand), 0, kShortBytes};
  if (any(flags & kReserved) || (header.command && header.more)) {
    return tl::unexpected(Violation::reserved_flags);
  }
  if (in.size() < kShortBytes) return std::nullopt;
  const bool forgot_long = header.command && in[1] == std::byte{0};
  if (!any(flags & kLong) && !forgot_long) {
    header.body_bytes = std::to_integer<std::uint64_t>(in[1]);
    return header;
  }
  header.header_bytes = kFrameHeaderBytesMax;
  if (in.size() < kFrameHeaderBytesMax) return std::nullopt;
  for (const std::byte octet : in.subspan(1, 8)) {
    header.body_bytes = header.body_bytes << 8 | std::to_integer<std::uint64_t>(octet);
  }
  return header;
}

std::size_t write_frame_header(std::array<std::byte, kFrameHeaderBytesMax>& out,
                               const FrameHeader& header) {
  const bool is_long = header.body_bytes > 255;
  out[0] = (header.more ? kMore : std::byte{0}) | (header.command ? kCommand : std::byte{0}) |
           (is_long ? kLong : std::byte{0});
  if (!is_long) {
    out[1] = static_cast<std::byte>(header.body_bytes);
    return kShortBytes;
  }
  for (std::size_t i = 0; i < 8; ++i) {
    out[1 + i] = static_cast<std::byte>(header.body_bytes >> (56 - 8 * i));
  }
  return kFrameHeaderBytesMax;
}

}  // namespace xylem::zmtp
