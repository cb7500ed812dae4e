#include "relay/cluster/state.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "relay/base/check.h"
#include "relay/codec/iso_time.h"

namespace xylem::cluster {
namespace {

constexpr double kFarAheadUs = 86'400e6;
constexpr double kStuckRuns = 10;
constexpr std::int64_t kStuckUs = 60'000'000;

// What a task's event may bring that is kept. A custom event's own fields are not among them.
constexpr std::array kKept{EventField::name,      EventField::args,        EventField::kwargs,
                           EventField::eta,       EventField::expires,     EventField::queue,
                           EventField::exchange,  EventField::routing_key, EventField::root_id,
                           EventField::parent_id, EventField::result,      EventField::runtime,
                           EventField::exception, EventField::traceback,   EventField::signum};

// What lists go by.
constexpr std::array kOfLists{EventField::name, EventField::queue, EventField::root_id,
                              EventField::parent_id};

// Celery's states come first into their table, so that their numbers are known.
std::uint32_t state_number(Kind kind) {
  const auto number = static_cast<std::uint32_t>(kind);
  return kind < Kind::custom ? number + 1 : number;
}

bool is_true(std::string_view json) { return json == "true"; }

// As much of a value as may be kept: a text ends early, anything else that is too long is nothing.
std::string_view clipped(std::string_view json, std::size_t bytes_max) {
  if (json.size() <= bytes_max) return json;
  if (!is_json_text(json)) return {};
  std::size_t end = bytes_max - 1;
  // Not inside a character, nor inside an escape, of which \u1234 is the longest.
  const std::size_t escape = json.rfind('\\', end);
  if (escape != std::string_view::npos && escape + 6 > end) {
    end = escape;
    while (end > 1 && json[end - 1] == '\\') --end;
  }
  while (end > 1 && (static_cast<unsigned char>(json[end]) & 0xC0) == 0x80) --end;
  return json.substr(0, end);
}

template <class Number>
Number whole_number(std::string_view json, Number otherwise) {
  // Nearly all of them are plain digits.
  Number plain = 0;
  const char* const end = json.data() + json.size();
  if (const auto [last, failure] = std::from_chars(json.data(), end, plain);
      failure == std::errc{} && last == end) {
    return plain;
  }
  const auto value = json_number(json);
  if (!value || !(*value >= 0) || *value >= static_cast<double>(UINT32_MAX) * 65536) {
    return otherwise;
  }
  const auto whole = static_cast<std::uint64_t>(*value);
  return whole > std::numeric_limits<Number>::max() ? otherwise : static_cast<Number>(whole);
}

std::int64_t latest(std::int64_t a, std::optional<std::int64_t> b) {
  return b ? std::max(a, *b) : a;
}

}  // namespace

std::string_view name_of(StateRefusal refusal) {
  constexpr std::array<std::string_view, kStateRefusals> kNames{
      "no_type", "no_uuid", "long_uuid", "no_hostname", "no_timestamp", "far_time"};
  return kNames[static_cast<std::size_t>(refusal)];
}

std::string_view name_of(Eviction why) {
  constexpr std::array<std::string_view, kEvictions> kNames{
      "finished_for_number", "running_for_number", "finished_for_bytes", "running_for_bytes"};
  return kNames[static_cast<std::size_t>(why)];
}

State::State(const Options& options)
    : options_(options),
      hosts_(options.workers.workers_max * 2 + 1000, options.seed),
      names_(options.names_max, options.seed),
      queues_(options.names_max, options.seed),
      states_(options.names_max + kKindCount, options.seed),
      tasks_(options.seed),
      workers_(options.workers),
      failures_(options.failures_max) {
  for (std::size_t i = 0; i < kKindCount; ++i) {
    const Kind kind = static_cast<Kind>(i);
    if (kind != Kind::custom) {
      XYLEM_CHECK(states_.of(state_of(kind)).value == state_number(kind), "states are in order");
    }
  }
}

void State::apply(const EventView& fields, std::int64_t arrived_us, bool is_past) {
  ++counters_.events;
  changed_ = kNoTask;
  const std::string_view type_json = fields.json(EventField::type);
  if (!is_json_text(type_json)) return refuse(StateRefusal::no_type);
  const std::string_view type = json_text(type_json, scratch_);
  const std::size_t dash = type.find('-');
  const std::string_view group = type.substr(0, dash);
  if (dash == std::string_view::npos || (group != "task" && group != "worker")) {
    ++counters_.other_events;
    return;
  }
  const auto seconds = json_number(fields.json(EventField::timestamp));
  if (!seconds) return refuse(StateRefusal::no_timestamp);
  const double timestamp_us = *seconds * 1e6;
  if (!(timestamp_us >= 0) || timestamp_us > static_cast<double>(arrived_us) + kFarAheadUs) {
    return refuse(StateRefusal::far_time);
  }
  WorkerTable::Sign sign;
  sign.timestamp_us = std::llround(timestamp_us);
  sign.arrived_us = arrived_us;
  sign.clock = whole_number<std::uint64_t>(fields.json(EventField::clock), 0);
  sign.pid = whole_number<std::uint32_t>(fields.json(EventField::pid), 0);
  std::string host_scratch;
  sign.hostname = hosts_.of(json_text(fields.json(EventField::hostname), host_scratch));
  const std::string_view subject = type.substr(dash + 1);
  group == "task" ? apply_task(fields, subject, sign, is_past)
                  : apply_worker(fields, subject, sign, is_past);
}

void State::apply_worker(const EventView& fields, std::string_view subject,
                         const WorkerTable::Sign& sign, bool is_past) {
  if (!sign.hostname) return refuse(StateRefusal::no_hostname);
  ++counters_.worker_events;
  if (is_past) return;
  if (Worker* const worker = workers_.see(sign)) {
    workers_.describe(*worker, fields, subject, sign);
    if (subject == "offline" && worker->offline_us != 0) orphan_tasks_of(*worker);
  }
}

void State::apply_task(const EventView& fields, std::string_view subject,
                       const WorkerTable::Sign& sign, bool is_past) {
  std::string uuid_scratch;
  const std::string_view uuid = json_text(fields.json(EventField::uuid), uuid_scratch);
  if (uuid.empty()) return refuse(StateRefusal::no_uuid);
  if (uuid.size() > kUuidBytesMax) return refuse(StateRefusal::long_uuid);
  ++counters_.task_events;
  if (subject != "sent" && !is_past) static_cast<void>(workers_.see(sign));
  Sighting* const sighting = sighting_of(fields, subject, sign);
  const Kind kind = sighting->kind;
  const bool has_retries = sighting->retries != Sighting::kNoRetries;
  const bool brings_names = std::any_of(kOfLists.begin(), kOfLists.end(), [&](EventField field) {
    return fields.has(field) && fields.json(field) != "null";
  });
  TaskNumber number = tasks_.find(uuid);
  if (number == kNoTask) number = tasks_.add(uuid);
  const Known before{static_cast<bool>(tasks_.at(number).group(TaskList::name)),
                     static_cast<bool>(tasks_.at(number).group(TaskList::queue))};
  // The sighting itself may leave at once, if there are too many.
  Sighting newest = *sighting;
  const TaskStore::Added added = tasks_.add_sighting(number, sighting, hosts_);
  if (added == TaskStore::Added::was_there) {
    ++counters_.repeated;
    return;
  }
  counters_.sightings_dropped += added == TaskStore::Added::too_many;
  Task& task = tasks_.at(number);
  task.changed_us = sign.arrived_us;
  changed_ = number;
  const bool is_numbered = kind == Kind::sent || (kind == Kind::received && has_retries);
  task.is_odd = task.is_odd || (brings_names && !is_numbered);
  summarise(number, brings_names || task.is_odd);
  count(task, before, newest);
  make_room(number);
}

Sighting* State::sighting_of(const EventView& fields, std::string_view subject,
                             const WorkerTable::Sign& sign) {
  const Kind kind = kind_of(subject);
  std::array<std::string_view, kKept.size()> values;
  std::array<bool, kKept.size()> is_cut{};
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < kKept.size(); ++i) {
    const std::string_view json = fields.json(kKept[i]);
    if (json.empty() || json == "null") continue;
    values[i] = clipped(json, options_.value_bytes_max);
    is_cut[i] = values[i].size() != json.size();
    counters_.values_cut += is_cut[i];
    if (values[i].empty()) continue;
    bytes += ValueHead::kBytes + values[i].size() + is_cut[i];
  }
  std::string custom;
  if (kind == Kind::custom) {
    append_json_text(custom, subject.substr(0, Names::kTextBytesMax));
    bytes += ValueHead::kBytes + custom.size();
  }
  Sighting* const sighting = tasks_.new_sighting(bytes);
  char* at = const_cast<char*>(sighting->values());
  const auto put = [&at](EventField field, std::string_view json, bool cut) {
    put_value_head(at, {field, static_cast<std::uint32_t>(json.size() + cut)});
    std::memcpy(at + ValueHead::kBytes, json.data(), json.size());
    at += ValueHead::kBytes + json.size();
    if (cut) *at++ = '"';
  };
  for (std::size_t i = 0; i < kKept.size(); ++i) {
    if (!values[i].empty()) put(kKept[i], values[i], is_cut[i]);
  }
  if (kind == Kind::custom) put(EventField::state, custom, false);
  sighting->timestamp_us = sign.timestamp_us;
  sighting->arrived_us = sign.arrived_us;
  sighting->clock = sign.clock;
  sighting->host = sign.hostname;
  sighting->pid = sign.pid;
  sighting->kind = kind;
  if (kind == Kind::sent || kind == Kind::received) {
    sighting->retries =
        whole_number<std::uint16_t>(fields.json(EventField::retries), Sighting::kNoRetries);
  }
  sighting->flags = static_cast<std::uint8_t>(
      (is_true(fields.json(EventField::terminated)) ? Sighting::terminated : 0) |
      (is_true(fields.json(EventField::expired)) ? Sighting::expired : 0) |
      (is_true(fields.json(EventField::requeue)) ? Sighting::requeue : 0));
  return sighting;
}

// What the lists go by, of the life as it is known now.
void State::summarise(TaskNumber number, bool with_names) {
  Task& task = tasks_.at(number);
  const Life life(task.newest);
  const Sighting& now = *life.current()->sighting;
  task.kind = now.kind;
  // A new event, whoever sent it, says that somebody works on it.
  task.orphaned = false;
  const bool has_finished = is_final(now.kind);
  tasks_.move_to_front(number, TaskList::age, has_finished ? kFinishedTasks : kUnfinishedTasks);
  std::string text;
  if (now.kind == Kind::custom) {
    text = json_text(now.value(EventField::state), scratch_);
    for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    tasks_.move(number, TaskList::state, states_.of(text).value);
  } else {
    tasks_.move(number, TaskList::state, state_number(now.kind));
  }
  tasks_.move(number, TaskList::worker, life.worker().value);
  if (with_names) list_by_names(number, life);
  count_durations(task, life);
  if (task.kind == Kind::failed || task.kind == Kind::retried) {
    count_failure(task, life, task.kind, task.changed_us);
  }
}

void State::list_by_names(TaskNumber number, const Life& life) {
  const auto named = [&](TaskList list, Names& names, EventField field) {
    const std::string_view json = life.value(field);
    if (!json.empty()) tasks_.move(number, list, names.of(json_text(json, scratch_)).value);
  };
  named(TaskList::name, names_, EventField::name);
  named(TaskList::queue, queues_, EventField::queue);
  const auto family = [&](TaskList list, EventField field) {
    const std::string_view json = life.value(field);
    if (!json.empty()) tasks_.join_family(number, list, json_text(json, scratch_));
  };
  family(TaskList::root, EventField::root_id);
  family(TaskList::parent, EventField::parent_id);
}

template <class Visit>
void State::for_each_tally(const Task& task, Visit visit) {
  if (const NameId id = task.group(TaskList::name)) visit(by_name_.of(id));
  if (const NameId id = task.group(TaskList::queue)) visit(by_queue_.of(id));
  if (const NameId id = task.group(TaskList::worker)) visit(by_worker_.of(id));
}

// Whatever order they come in: what came before its name or queue was known is counted with it.
void State::count(const Task& task, const Known& before, const Sighting& newest) {
  const auto add = [](Tally& tally, Kind kind, std::int64_t arrived_us) {
    ++tally.events[static_cast<std::size_t>(kind)];
    if (ends_attempt(kind)) tally.ends.add(arrived_us);
  };
  const auto by = [&](Tallies& tallies, NameId id, bool was_known) {
    if (!id) return;
    if (was_known) return add(tallies.of(id), newest.kind, newest.arrived_us);
    for (const Sighting* s = task.newest; s != nullptr; s = s->older) {
      add(tallies.of(id), s->kind, s->arrived_us);
    }
  };
  by(by_name_, task.group(TaskList::name), before.name);
  by(by_queue_, task.group(TaskList::queue), before.queue);
  if (newest.kind != Kind::sent && newest.host) {
    add(by_worker_.of(newest.host), newest.kind, newest.arrived_us);
  }
}

// Each task once, when what is needed has come, its name too: of the attempt that is then current.
void State::count_durations(Task& task, const Life& life) {
  if (!task.group(TaskList::name)) return;
  if (!task.run_counted && task.kind == Kind::succeeded) {
    if (const auto runtime = json_number(life.value(EventField::runtime))) {
      task.run_counted = true;
      for_each_tally(task, [&](Tally& tally) { tally.run.add(*runtime); });
    }
  }
  if (task.wait_counted || task.kind == Kind::sent) return;
  const Placed* const started = life.last_of_attempt(Kind::started);
  const Placed* const sent = life.last_of_attempt(Kind::sent);
  const Placed* const received = life.last_of_attempt(Kind::received);
  if (started == nullptr || (sent == nullptr && received == nullptr)) return;
  task.wait_counted = true;
  const Placed& from = sent != nullptr ? *sent : *received;
  const std::string_view eta_json = life.value(EventField::eta);
  const auto eta =
      eta_json.empty() ? std::nullopt : microseconds_of_iso(json_text(eta_json, scratch_));
  // Their clocks are not the same one: what differs is taken out as far as it is known.
  const auto in_our_time = [&](const Sighting& s) {
    const Worker* const worker = workers_.find(s.host);
    return s.timestamp_us + (worker == nullptr ? 0 : worker->skew_us);
  };
  const std::int64_t wait_us =
      in_our_time(*started->sighting) - latest(in_our_time(*from.sighting), eta);
  for_each_tally(task, [&](Tally& tally) {
    tally.wait.add(std::max<double>(0, static_cast<double>(wait_us)) / 1e6);
  });
}

void State::count_failure(const Task& task, const Life& life, Kind kind, std::int64_t arrived_us) {
  const Sighting& now = *life.current()->sighting;
  if (now.arrived_us != arrived_us) return;  // counted when it came
  std::string exception;
  std::string traceback;
  failures_.add({json_text(now.value(EventField::exception), exception),
                 json_text(now.value(EventField::traceback), traceback),
                 names_.text(task.group(TaskList::name)), task.uuid(), arrived_us,
                 kind == Kind::retried});
}

// Finished before running, what changed longest ago first; never the one that just came.
void State::make_room(TaskNumber newcomer) {
  for (;;) {
    const bool too_many = tasks_.size() > options_.tasks_max;
    if (!too_many && tasks_.bytes() <= options_.bytes_max) return;
    TaskNumber leaver = tasks_.ends(TaskList::age, kFinishedTasks).oldest;
    const bool is_finished = leaver != kNoTask && leaver != newcomer;
    if (!is_finished) leaver = tasks_.ends(TaskList::age, kUnfinishedTasks).oldest;
    if (leaver == kNoTask || leaver == newcomer) return;
    const auto why = static_cast<std::size_t>(too_many ? 0 : 2) + (is_finished ? 0U : 1U);
    ++counters_.evicted[why];
    tasks_.remove(leaver);
  }
}

void State::orphan_tasks_of(const Worker& worker) {
  TaskNumber number = tasks_.ends(TaskList::worker, worker.hostname.value).newest;
  for (; number != kNoTask; number = tasks_.older(number, TaskList::worker)) {
    Task& task = tasks_.at(number);
    const bool is_in_hand =
        task.kind == Kind::received || task.kind == Kind::started || task.kind == Kind::custom;
    if (!is_in_hand || task.orphaned) continue;
    task.orphaned = true;
    ++counters_.orphaned;
  }
}

void State::note_blindness(const Blindness& blindness) {
  blind_until_us_ = std::max(blind_until_us_, blindness.to_us);
  // One that goes on is one.
  if (!blindnesses_.empty() && blindness.from_us <= blindnesses_.back().to_us) {
    Blindness& last = blindnesses_.back();
    last.to_us = std::max(last.to_us, blindness.to_us);
    last.events += blindness.events;
    return;
  }
  blindnesses_.push_back(blindness);
  if (blindnesses_.size() > kBlindnessesMax) blindnesses_.pop_front();
}

void State::pass_time(std::int64_t now_us) {
  for (Worker& worker : workers_.all()) {
    if (worker.offline_us != 0 || verdict(worker, now_us) != Verdict::dead) continue;
    if (!workers_.bury(worker, now_us)) continue;
    ++counters_.buried;
    orphan_tasks_of(worker);
  }
}

bool State::is_stuck(const Task& task, std::int64_t now_us) const {
  if (task.kind != Kind::started || task.orphaned) return false;
  const Life life(task.newest);
  const Sighting& started = *life.current()->sighting;
  if (blind_until_us_ >= started.arrived_us) return false;
  const Worker* const worker = workers_.find(started.host);
  if (worker == nullptr || verdict(*worker, now_us) != Verdict::alive) return false;
  const Tally* const tally = by_name_.find(task.group(TaskList::name));
  const auto usual = tally == nullptr ? std::nullopt : tally->run.percentile(0.99);
  if (!usual) return false;
  const auto patience_us = static_cast<std::int64_t>(*usual * kStuckRuns * 1e6);
  return now_us - started.arrived_us > std::max(kStuckUs, patience_us);
}

std::size_t State::bytes() const {
  return tasks_.bytes() + hosts_.bytes() + names_.bytes() + queues_.bytes() + states_.bytes();
}

}  // namespace xylem::cluster
