#include "relay/client/dispatcher.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <ctime>

#include "relay/base/version.h"
#include "relay/event/routing_key.h"

namespace xylem {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

// Hours west of UTC, daylight saving included (celery/utils/time.py utcoffset).
int utcoffset_hours() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  return static_cast<int>(std::floor(static_cast<double>(-local.tm_gmtoff) / 3600));
}

std::string system_name() {
  utsname system{};
  return ::uname(&system) == 0 ? system.sysname : "Linux";
}

// Without the first `skipped` digits.
template <class Number>
void append_number(std::string& out, Number number, std::size_t skipped = 0) {
  const fmt::format_int digits(number);
  out.append(digits.data() + skipped, digits.size() - skipped);
}

std::string_view group_of(std::string_view type) { return type.substr(0, type.find('-')); }

}  // namespace

Dispatcher::Dispatcher(Options options, Context& context, const Clock& clock)
    : options_(std::move(options)),
      clock_source_(clock),
      outbox_({.relay = options_.relay,
               .waiting_bytes_max = options_.waiting_bytes_max,
               .event_bytes_max = kEventBytesMax},
              context),
      heart_(*this),
      runner_("dispatcher", {&heart_, &outbox_}, clock) {
  if (options_.hostname.empty())
    options_.hostname = fmt::format("xylem{}@{}", ::getpid(), host_name());
  EventFields common;
  common.add("hostname", options_.hostname)
      .add("utcoffset", utcoffset_hours())
      .add("pid", ::getpid());
  common_ = common.text();
  outbox_.use_bell(runner_.doorbell());
}

Result<std::unique_ptr<Dispatcher>> Dispatcher::open(Options options, Context& context,
                                                     const Clock& clock) {
  std::unique_ptr<Dispatcher> made(new Dispatcher(std::move(options), context, clock));
  if (auto started = made->runner_.start(); !started) {
    made->closed_ = true;
    return tl::unexpected(started.error());
  }
  return made;
}

Dispatcher::~Dispatcher() { close(std::chrono::milliseconds(500)); }

std::uint64_t Dispatcher::close(Duration patience) {
  if (closed_.exchange(true)) return 0;
  bool beating = false;
  {
    const std::lock_guard lock(heart_mutex_);
    beating = heart_interval_ > Duration(0);
  }
  if (beating) beat("worker-offline");
  const Instant deadline = clock_source_.now() + patience;
  outbox_.linger(patience);
  for (Agent* agent : {static_cast<Agent*>(&heart_), static_cast<Agent*>(&outbox_)}) {
    runner_.request_stop(*agent, deadline);
    if (!runner_.wait_finished(*agent, deadline + std::chrono::seconds(1))) return 0;
  }
  return runner_.left_behind(outbox_);
}

bool Dispatcher::wants(std::string_view group) const {
  return enabled_ && (options_.groups.empty() || options_.groups.contains(std::string(group)));
}

Dispatcher::Sent Dispatcher::send(std::string_view type, const EventFields& fields) {
  if (!wants(group_of(type))) return Sent::not_enabled;
  if (fields.has_common() || fields.is_too_deep()) {
    outbox_.refuse();
    return Sent::refused;
  }
  thread_local std::string object;  // warm after the first event of a thread
  const std::int64_t now_us = clock_source_.wall_us();
  object.clear();
  object += "{\"type\":";
  append_json_string(object, type);
  object += ",\"timestamp\":";
  append_number(object, now_us / 1'000'000);
  object += '.';
  // The million makes six digits of it, zeros included.
  append_number(object, 1'000'000 + now_us % 1'000'000, 1);
  object += ",\"clock\":";
  append_number(object, clock_value_.fetch_add(1, std::memory_order_relaxed) + 1);
  object += ',';
  object += common_;
  if (!fields.text().empty()) {
    object += ',';
    object += fields.text();
  }
  object += '}';
  return put(type, object, now_us);
}

Dispatcher::Sent Dispatcher::send_json(std::string_view type, std::string_view object,
                                       std::int64_t timestamp_us) {
  return wants(group_of(type)) ? put(type, object, timestamp_us) : Sent::not_enabled;
}

Dispatcher::Sent Dispatcher::put(std::string_view type, std::string_view object,
                                 std::int64_t timestamp_us) {
  thread_local std::string key;  // warm after the first event of a thread
  key.clear();
  append_key_of_type(type, key);
  bool wake = true;
  if (!options_.buffer_groups.empty() &&
      options_.buffer_groups.contains(std::string(group_of(type)))) {
    const std::uint64_t count = buffered_.fetch_add(1, std::memory_order_relaxed) + 1;
    wake = count % options_.buffer_events == 0;
  }
  if (outbox_.put(key, object, timestamp_us, wake)) return Sent::queued;
  return is_routing_key(key) && object.size() <= kEventBytesMax ? Sent::full : Sent::refused;
}

std::uint64_t Dispatcher::adjust(std::uint64_t other) {
  std::uint64_t value = clock_value_.load(std::memory_order_relaxed);
  while (!clock_value_.compare_exchange_weak(value, std::max(value, other) + 1)) {
  }
  return std::max(value, other) + 1;
}

void Dispatcher::start_heart(Duration interval, Beat beat_fields) {
  {
    const std::lock_guard lock(heart_mutex_);
    heart_interval_ = interval;
    next_beat_ = clock_source_.now() + interval;
    beat_ = std::move(beat_fields);
  }
  beat("worker-online");
}

void Dispatcher::beat(std::string_view type) {
  EventFields fields;
  {
    const std::lock_guard lock(heart_mutex_);
    fields.add("freq", std::chrono::duration<double>(heart_interval_).count());
    fields.add("sw_ident", "xylem-cpp").add("sw_ver", kVersion).add("sw_sys", system_name());
    if (beat_) beat_(fields);
  }
  static_cast<void>(send(type, fields));
  flush();
}

std::size_t Dispatcher::Heart::do_work(Instant now) {
  {
    const std::lock_guard lock(dispatcher_.heart_mutex_);
    if (dispatcher_.heart_interval_ <= Duration(0) || now < dispatcher_.next_beat_) return 0;
    dispatcher_.next_beat_ = now + dispatcher_.heart_interval_;
  }
  dispatcher_.beat("worker-heartbeat");
  return 1;
}

}  // namespace xylem
