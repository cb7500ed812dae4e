#include "relay/session/subscription_session.h"

#include <fmt/format.h>

#include "relay/base/log.h"

namespace xylem {
namespace {

constexpr std::size_t kNameBytesMax = 128;

Result<std::uint64_t> bound(std::uint64_t asked, std::uint64_t max, std::string_view what) {
  if (asked > max) {
    return fail(ErrorCode::refused,
                fmt::format("{} of {} is above this relay's limit of {}", what, asked, max));
  }
  return asked == 0 ? max : asked;
}

}  // namespace

Result<SubscriptionSession> SubscriptionSession::accept(const Hello& hello, const Limits& limits,
                                                        std::uint64_t session, Instant now) {
  if (hello.protocol != kStreamProtocol) {
    return fail(ErrorCode::refused, fmt::format("stream protocol {} is not spoken here; {} is",
                                                hello.protocol, kStreamProtocol));
  }
  if (hello.name.size() > kNameBytesMax) {
    return fail(ErrorCode::refused, fmt::format("a name longer than {} bytes", kNameBytesMax));
  }
  if (hello.name.starts_with('(') && hello.name.ends_with(')')) {
    return fail(ErrorCode::refused,
                "a name in parentheses is the relay's own, as (gone) and (unnamed) are");
  }
  SubscriptionSession made;
  XYLEM_TRY(made.filter_, TopicFilter::parse(hello.patterns));
  XYLEM_TRY(made.tap_bytes_max_, bound(hello.tap_bytes_max, limits.tap_bytes_max, "tap_bytes_max"));
  XYLEM_TRY(made.tap_events_max_,
            bound(hello.tap_events_max, limits.tap_events_max, "tap_events_max"));
  if (hello.credit_bytes > limits.credit_bytes_max) {
    return fail(ErrorCode::refused,
                fmt::format("credit_bytes of {} is above this relay's limit of {}",
                            hello.credit_bytes, limits.credit_bytes_max));
  }
  made.limits_ = limits;
  made.session_ = session;
  made.name_ = printable(hello.name, kNameBytesMax);
  made.overflow_ = hello.overflow;
  made.reads_shapes_ = hello.shapes;
  made.first_credit_ = made.granted_bytes_ = hello.credit_bytes;
  made.last_heard_ = now;
  return made;
}

Result<void> SubscriptionSession::on_credit(const Credit& credit, Instant now) {
  last_heard_ = now;
  if (credit.granted_bytes < granted_bytes_) {
    return fail(ErrorCode::refused, "credit was taken back; it is cumulative and only grows");
  }
  if (credit.granted_bytes > sent_bytes_ &&
      credit.granted_bytes - sent_bytes_ > limits_.credit_bytes_max) {
    return fail(ErrorCode::refused,
                fmt::format("more than {} bytes of credit ahead of what was sent",
                            limits_.credit_bytes_max));
  }
  granted_bytes_ = credit.granted_bytes;
  return {};
}

Welcome SubscriptionSession::welcome(Epoch epoch, Sequence next) const {
  const auto heartbeat = std::chrono::duration_cast<std::chrono::milliseconds>(limits_.heartbeat);
  return {kStreamProtocol,
          session_,
          epoch,
          next,
          limits_.credit_bytes_max,
          static_cast<std::uint32_t>(heartbeat.count())};
}

}  // namespace xylem
