#include "relay/zmtp/violation.h"

#include <array>

namespace xylem::zmtp {

std::string_view name_of(Violation violation) {
  static constexpr std::array<std::string_view, kViolationCount> kNames{"not_zmtp",
                                                                        "old_version",
                                                                        "other_mechanism",
                                                                        "handshake_too_large",
                                                                        "unexpected_in_handshake",
                                                                        "malformed_ready",
                                                                        "wrong_socket_type",
                                                                        "bad_identity",
                                                                        "reserved_flags",
                                                                        "frame_too_large",
                                                                        "message_too_large",
                                                                        "too_many_frames",
                                                                        "malformed_command",
                                                                        "too_many_prefixes",
                                                                        "prefix_too_large"};
  return kNames[static_cast<std::size_t>(violation)];
}

}  // namespace xylem::zmtp
