#include "relay/codec/control_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "relay/base/check.h"
#include "relay/event/batch.h"
#include "schema/control_generated.h"

namespace xylem {
namespace {

constexpr std::size_t kControlBytesMax = 128 << 10;  // 256 patterns of 245 bytes and room
constexpr flatbuffers::uoffset_t kDepthMax = 4;
constexpr flatbuffers::uoffset_t kTablesMax = 4;

std::string text_of(const flatbuffers::String* text) { return text ? text->str() : std::string(); }

// A newer relay may say more than are kept.
RelayChain chain_of(const flatbuffers::Vector<std::uint64_t>* relays) {
  RelayChain chain;
  if (relays == nullptr) return chain;
  const flatbuffers::uoffset_t kept = std::min<flatbuffers::uoffset_t>(
      relays->size(), static_cast<flatbuffers::uoffset_t>(RelayChain::kRelaysMax));
  for (flatbuffers::uoffset_t i = 0; i < kept; ++i) chain.add(RelayId{relays->Get(i)});
  return chain;
}

Hello read(const wire::Hello& table) {
  Hello hello{table.protocol(),
              text_of(table.name()),
              {},
              static_cast<Overflow>(table.overflow()),
              table.tap_bytes_max(),
              table.tap_events_max(),
              table.credit_bytes(),
              table.shapes(),
              {table.resume_epoch()},
              {table.resume_sequence()},
              table.since_us(),
              table.since_age_ms()};
  if (table.patterns() != nullptr) {
    for (const flatbuffers::String* pattern : *table.patterns())
      hello.patterns.push_back(pattern->str());
  }
  return hello;
}

Result<Control> read_body(const wire::Control& control) {
  switch (control.body_type()) {
    case wire::Body::Hello: {
      const wire::Hello& table = *control.body_as_Hello();
      if (table.overflow() > wire::Overflow::MAX) {
        return fail(ErrorCode::malformed, "Hello with an unknown overflow policy");
      }
      return read(table);
    }
    case wire::Body::Welcome: {
      const wire::Welcome& table = *control.body_as_Welcome();
      return Welcome{table.protocol(),        table.session(),          {table.epoch()},
                     {table.next_sequence()}, table.credit_bytes_max(), table.heartbeat_ms()};
    }
    case wire::Body::Credit: {
      const wire::Credit& table = *control.body_as_Credit();
      return Credit{table.session(), table.granted_bytes(), table.answer()};
    }
    case wire::Body::Alive: {
      const wire::Alive& table = *control.body_as_Alive();
      return Alive{{table.epoch()},
                   {table.next_sequence()},
                   {table.served_epoch()},
                   {table.served_sequence()}};
    }
    case wire::Body::Gap: {
      const wire::Gap& table = *control.body_as_Gap();
      return Gap{{table.epoch()},
                 {table.first_sequence()},
                 {table.last_sequence()},
                 table.count(),
                 static_cast<GapReason>(table.reason())};
    }
    case wire::Body::Bye: {
      const wire::Bye& table = *control.body_as_Bye();
      return Bye{static_cast<ByeReason>(table.reason()), text_of(table.text())};
    }
    case wire::Body::SourceHello: {
      const wire::SourceHello& table = *control.body_as_SourceHello();
      if (table.level() > wire::AckLevel::MAX) {
        return fail(ErrorCode::malformed, "SourceHello with an unknown ack level");
      }
      return SourceHello{table.protocol(),
                         text_of(table.name()),
                         {table.source()},
                         {table.first_unacked()},
                         static_cast<AckLevel>(table.level()),
                         table.wall_us()};
    }
    case wire::Body::SourceWelcome: {
      const wire::SourceWelcome& table = *control.body_as_SourceWelcome();
      return SourceWelcome{table.protocol(),        table.session(),         {table.acked()},
                           table.window_bytes(),    table.frame_bytes_max(), table.heartbeat_ms(),
                           chain_of(table.relays())};
    }
    case wire::Body::Ack: {
      const wire::Ack& table = *control.body_as_Ack();
      return Ack{table.session(), {table.acked()}, {table.missing()}, chain_of(table.relays())};
    }
    case wire::Body::NONE: break;
  }
  return Unknown{};
}

// One overload per body: writes its table and names its kind.
struct BodyWriter {
  flatbuffers::FlatBufferBuilder& out;
  using Written = std::pair<wire::Body, flatbuffers::Offset<void>>;

  [[nodiscard]] flatbuffers::Offset<flatbuffers::Vector<std::uint64_t>> written(
      const RelayChain& relays) const {
    if (relays.empty()) return 0;
    std::vector<std::uint64_t> values;
    for (const RelayId relay : relays) values.push_back(relay.value);
    return out.CreateVector(values);
  }

  Written operator()(const Hello& hello) const {
    return {wire::Body::Hello,
            wire::CreateHello(out, hello.protocol, out.CreateString(hello.name),
                              out.CreateVectorOfStrings(hello.patterns),
                              static_cast<wire::Overflow>(hello.overflow), hello.tap_bytes_max,
                              hello.tap_events_max, hello.credit_bytes, hello.shapes,
                              hello.resume_epoch.value, hello.resume_sequence.value, hello.since_us,
                              hello.since_age_ms)
                .Union()};
  }
  Written operator()(const Welcome& welcome) const {
    return {wire::Body::Welcome,
            wire::CreateWelcome(out, welcome.protocol, welcome.session, welcome.epoch.value,
                                welcome.next_sequence.value, welcome.credit_bytes_max,
                                welcome.heartbeat_ms)
                .Union()};
  }
  Written operator()(const Credit& credit) const {
    return {wire::Body::Credit,
            wire::CreateCredit(out, credit.session, credit.granted_bytes, credit.answer).Union()};
  }
  Written operator()(const Alive& alive) const {
    return {wire::Body::Alive,
            wire::CreateAlive(out, alive.epoch.value, alive.next_sequence.value,
                              alive.served_epoch.value, alive.served_sequence.value)
                .Union()};
  }
  Written operator()(const Gap& gap) const {
    return {wire::Body::Gap, wire::CreateGap(out, gap.epoch.value, gap.first.value, gap.last.value,
                                             gap.count, static_cast<wire::GapReason>(gap.reason))
                                 .Union()};
  }
  Written operator()(const SourceHello& hello) const {
    return {wire::Body::SourceHello,
            wire::CreateSourceHello(out, hello.protocol, out.CreateString(hello.name),
                                    hello.source.value, hello.first_unacked.value,
                                    static_cast<wire::AckLevel>(hello.level), hello.wall_us)
                .Union()};
  }
  Written operator()(const SourceWelcome& welcome) const {
    return {wire::Body::SourceWelcome,
            wire::CreateSourceWelcome(out, welcome.protocol, welcome.session, welcome.acked.value,
                                      welcome.window_bytes, welcome.frame_bytes_max,
                                      welcome.heartbeat_ms, written(welcome.relays))
                .Union()};
  }
  Written operator()(const Ack& ack) const {
    return {wire::Body::Ack, wire::CreateAck(out, ack.session, ack.acked.value, ack.missing.value,
                                             written(ack.relays))
                                 .Union()};
  }
  Written operator()(const Unknown&) const {
    XYLEM_CHECK(false, "what is unknown is not written");
    return {wire::Body::NONE, 0};
  }
  Written operator()(const Bye& bye) const {
    return {wire::Body::Bye, wire::CreateBye(out, static_cast<wire::ByeReason>(bye.reason),
                                             out.CreateString(bye.text))
                                 .Union()};
  }
};

}  // namespace

std::string_view name_of(Overflow overflow) {
  switch (overflow) {
    case Overflow::drop_oldest: return "drop_oldest";
    case Overflow::drop_newest: return "drop_newest";
    case Overflow::block: return "block";
    case Overflow::disconnect: return "disconnect";
    case Overflow::spill: return "spill";
  }
  return "unknown";
}

Result<Overflow> parse_overflow(std::string_view name) {
  for (const Overflow known : {Overflow::drop_oldest, Overflow::drop_newest, Overflow::block,
                               Overflow::disconnect, Overflow::spill}) {
    if (name == name_of(known)) return known;
  }
  return fail(ErrorCode::bad_configuration,
              fmt::format("'{}' is not an overflow policy; drop_oldest, drop_newest, block, "
                          "disconnect, spill are",
                          name));
}

std::string_view name_of(AckLevel level) {
  switch (level) {
    case AckLevel::received: return "received";
    case AckLevel::written: return "written";
    case AckLevel::synced: return "synced";
  }
  return "unknown";
}

Result<AckLevel> parse_ack_level(std::string_view name) {
  for (const AckLevel known : {AckLevel::received, AckLevel::written, AckLevel::synced}) {
    if (name == name_of(known)) return known;
  }
  return fail(ErrorCode::bad_configuration,
              fmt::format("'{}' is not an ack level; received, written, synced are", name));
}

std::string_view name_of(GapReason reason) {
  switch (reason) {
    case GapReason::overflow: return "overflow";
    case GapReason::reconnect: return "reconnect";
    case GapReason::retention: return "retention";
    case GapReason::unreadable: return "unreadable";
  }
  return "unknown";
}

std::string_view name_of(ByeReason reason) {
  switch (reason) {
    case ByeReason::closing: return "closing";
    case ByeReason::unknown_session: return "unknown_session";
    case ByeReason::refused: return "refused";
    case ByeReason::too_slow: return "too_slow";
    case ByeReason::silent: return "silent";
  }
  return "unknown";
}

bool is_control_frame(std::span<const std::byte> frame) noexcept {
  return frame.size() >= 8 && std::memcmp(frame.data() + 4, wire::ControlIdentifier(), 4) == 0;
}

Result<Control> read_control(std::span<const std::byte> frame) {
  if (!is_control_frame(frame) || frame.size() > kControlBytesMax) {
    return fail(ErrorCode::malformed, "not a control frame (identifier XYC1)");
  }
  Slab slab(frame.size());  // aligned, as the verifier takes for granted
  std::memcpy(slab.begin(), frame.data(), frame.size());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(slab.begin());
  flatbuffers::Verifier verifier(bytes, frame.size(), kDepthMax, kTablesMax);
  if (!wire::VerifyControlBuffer(verifier)) {
    return fail(ErrorCode::malformed, "control frame that the FlatBuffers verifier refuses");
  }
  return read_body(*wire::GetControl(bytes));
}

std::vector<std::byte> write_control(const Control& control) {
  flatbuffers::FlatBufferBuilder builder(256);
  const auto [kind, body] = std::visit(BodyWriter{builder}, control);
  builder.Finish(wire::CreateControl(builder, kind, body), wire::ControlIdentifier());
  const auto* begin = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return {begin, begin + builder.GetSize()};
}

}  // namespace xylem
