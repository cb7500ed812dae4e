#include "relay/http/live_feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "relay/cluster/state_reader.h"
#include "relay/cluster/task_subject.h"
#include "relay/http/api_json.h"

namespace xylem {
namespace {

using cluster::ChangeLog;
using cluster::StateReader;

std::string event_text(std::string_view event, const ApiJson& json, std::string_view id = {}) {
  const std::string body = json.dump(-1, ' ', false, ApiJson::error_handler_t::replace);
  if (id.empty()) return fmt::format("event: {}\ndata: {}\n\n", event, body);
  return fmt::format("id: {}\nevent: {}\ndata: {}\n\n", id, event, body);
}

}  // namespace

void LiveFeed::Topic::note_shown(std::uint64_t hash) {
  if (!shown.insert(hash).second) return;
  shown_order.push_back(hash);
  if (shown_order.size() <= kShownMax) return;
  shown.erase(shown_order.front());
  shown_order.pop_front();
}

Result<std::shared_ptr<LiveFeed::Topic>> LiveFeed::topic_of(std::string_view query) {
  std::erase_if(topics_, [](const auto& each) { return each.second.expired(); });
  if (const auto known = topics_.find(query); known != topics_.end()) return known->second.lock();
  const auto topic = std::make_shared<Topic>();
  XYLEM_TRY(topic->filter, Filter::parse(query));
  topics_.emplace(query, topic);
  return topic;
}

std::string LiveFeed::id_of(std::uint64_t sequence) const {
  return fmt::format("{}.{}", shared_.known_since_us, sequence);
}

std::optional<std::uint64_t> LiveFeed::sequence_in(std::string_view id) const {
  const std::string ours = fmt::format("{}.", shared_.known_since_us);
  if (!id.starts_with(ours)) return std::nullopt;
  std::uint64_t sequence = 0;
  const char* const end = id.data() + id.size();
  const auto [last, failure] = std::from_chars(id.data() + ours.size(), end, sequence);
  if (failure != std::errc{} || last != end || sequence > shared_.as_of) return std::nullopt;
  return sequence;
}

Result<std::pair<LiveFeed::Viewer, std::string>> LiveFeed::begin(std::string_view query,
                                                                 std::string_view last_event_id,
                                                                 Instant now) {
  Viewer viewer;
  XYLEM_TRY(viewer.topic_, topic_of(query));
  viewer.stat_due_ = now + kStatEvery;
  std::string text = "retry: 2000\n";
  std::optional<std::uint64_t> sequence;
  {
    const std::lock_guard lock(shared_.mutex);
    sequence = sequence_in(last_event_id);
    viewer.next_ = shared_.changes.end();
    const auto& gaps = shared_.state.blindnesses();
    viewer.blind_until_us_ = gaps.empty() ? 0 : gaps.back().to_us;
    text += event_text("hello", {{"as_of", whole_json(shared_.as_of)},
                                 {"now", time_json(shared_.now_us)},
                                 {"known_since", time_json(shared_.known_since_us)},
                                 {"resumed", sequence.has_value()}});
  }
  if (sequence) {
    text += resumed(viewer, *sequence, now);
  } else {
    if (!last_event_id.empty()) text += event_text("gap", {{"changes", nullptr}});
    text += snapshot(viewer, now);
  }
  return std::pair(std::move(viewer), std::move(text));
}

// What it missed comes as it would have come, unless the log has let go of it.
std::string LiveFeed::resumed(Viewer& viewer, std::uint64_t sequence, Instant now) {
  std::uint64_t let_go = 0;
  {
    const std::lock_guard lock(shared_.mutex);
    const ChangeLog& changes = shared_.changes;
    viewer.next_ = changes.after(sequence);
    const bool is_all = changes.begin() == 0 || viewer.next_ != changes.begin() ||
                        changes.at(changes.begin()).sequence <= sequence + 1;
    if (is_all) return {};
    let_go = changes.at(changes.begin()).sequence - sequence - 1;
    viewer.next_ = changes.end();
  }
  note_lost(viewer, let_go);
  return event_text("gap", {{"changes", whole_json(let_go)}}) + snapshot(viewer, now);
}

// The place in the log was taken before, so that what changes meanwhile comes again.
std::string LiveFeed::snapshot(Viewer& viewer, Instant now) {
  Topic& topic = *viewer.topic_;
  cluster::TaskQuery query;
  query.filter = topic.filter;
  query.order = cluster::TaskOrder::changed;
  query.limit = kSnapRows;
  std::uint64_t as_of = 0;
  {
    const std::lock_guard lock(shared_.mutex);
    as_of = shared_.as_of;
    const bool is_fresh = topic.snap.from >= shared_.changes.begin();
    if (!topic.snap.text.empty() && is_fresh && now - topic.snap_made < kSnapFor) {
      viewer.next_ = topic.snap.from;
      note_shown(viewer, topic.snap.rows);
      return topic.snap.text;
    }
    viewer.next_ = shared_.changes.end();
  }
  ApiJson rows = ApiJson::array();
  std::size_t bytes = 0;
  for (const cluster::TaskRow& row : StateReader(shared_).tasks(query).rows) {
    rows.push_back(task_json(row, false));
    for (const auto& value : row.values) bytes += value.json.size();
    topic.note_shown(cluster::hash_of(row.uuid, 0));
    if (bytes > kFrameBytesMax) break;
  }
  note_shown(viewer, rows.size());
  topic.snap = {viewer.next_, viewer.next_, event_text("snap", {{"tasks", rows}}, id_of(as_of)),
                rows.size()};
  topic.snap_made = now;
  return topic.snap.text;
}

LiveFeed::Found LiveFeed::look(const Topic& topic, ChangeLog::Place from) const {
  Found found;
  std::unordered_set<cluster::TaskNumber> seen;
  std::size_t taken = 0;
  const std::lock_guard lock(shared_.mutex);
  const cluster::TaskStore& tasks = shared_.state.tasks();
  found.next = from;
  if (from < shared_.changes.begin()) return found;  // just now: gaps() will tell
  const ChangeLog::Place end = std::min(shared_.changes.end(), from + kLooksPerFrame);
  for (; found.next < end && taken < kRowsPerFrame; ++found.next) {
    const ChangeLog::Change& change = shared_.changes.at(found.next);
    const cluster::Task& task = tasks.at(change.task);
    const bool is_it = task.in_use && static_cast<std::uint32_t>(task.hash) == change.hash;
    if (!is_it || !seen.insert(change.task).second) continue;
    const bool is_taken = cluster::takes(topic.filter, shared_.state, change.task, shared_.now_us);
    const std::uint64_t hash = cluster::hash_of(task.uuid(), 0);
    if (!is_taken && !topic.shown.contains(hash)) continue;
    found.changed.push_back({found.next, std::string(task.uuid()), hash, is_taken});
    ++taken;
  }
  return found;
}

LiveFeed::Frame LiveFeed::frame(Topic& topic, ChangeLog::Place from) const {
  const Found found = look(topic, from);
  Frame frame{from, found.next, {}, 0};
  ApiJson rows = ApiJson::array();
  ApiJson gone = ApiJson::array();
  std::size_t bytes = 0;
  const StateReader reader(shared_);
  for (const Changed& each : found.changed) {
    if (bytes > kFrameBytesMax) {
      frame.to = each.place;
      break;
    }
    const auto row = each.is_taken ? reader.task(each.uuid) : std::nullopt;
    if (!row) {
      gone.push_back(each.uuid);
      continue;
    }
    rows.push_back(task_json(*row, false));
    for (const auto& value : row->values) bytes += value.json.size();
    topic.note_shown(each.hash);
  }
  frame.rows = rows.size();
  if (rows.empty() && gone.empty()) return frame;
  std::uint64_t sequence = 0;
  {
    const std::lock_guard lock(shared_.mutex);
    const bool is_kept = frame.to > shared_.changes.begin();
    sequence = is_kept ? shared_.changes.at(frame.to - 1).sequence : shared_.as_of;
  }
  ApiJson json{{"tasks", rows}};
  if (!gone.empty()) json["gone"] = gone;
  frame.text = event_text("diff", json, id_of(sequence));
  return frame;
}

std::string LiveFeed::next(Viewer& viewer, Instant now) {
  std::string text = gaps(viewer);
  Topic& topic = *viewer.topic_;
  if (topic.latest.from != viewer.next_ || topic.latest.to == viewer.next_) {
    topic.latest = frame(topic, viewer.next_);
  }
  viewer.next_ = topic.latest.to;
  note_shown(viewer, topic.latest.rows);
  text += topic.latest.text;
  if (now >= viewer.stat_due_) {
    viewer.stat_due_ = now + kStatEvery;
    text += stat(viewer);
  }
  return text;
}

// What the log let go of before it was shown, and what the relay itself missed.
std::string LiveFeed::gaps(Viewer& viewer) {
  const std::lock_guard lock(shared_.mutex);
  std::string text;
  const ChangeLog& changes = shared_.changes;
  if (viewer.next_ < changes.begin()) {
    const std::uint64_t missed = changes.begin() - viewer.next_;
    note_lost(viewer, missed);
    viewer.next_ = changes.begin();
    text += event_text("gap", {{"changes", whole_json(missed)}});
  }
  const auto& all = shared_.state.blindnesses();
  if (!all.empty() && all.back().to_us > viewer.blind_until_us_) {
    viewer.blind_until_us_ = all.back().to_us;
    text += event_text("gap", gaps_json({all.back()}).front());
  }
  return text;
}

std::string LiveFeed::stat(const Viewer& viewer) const {
  const std::lock_guard lock(shared_.mutex);
  return event_text("stat", {{"shown", whole_json(viewer.shown_)},
                             {"held", whole_json(shared_.changes.end() - viewer.next_)},
                             {"lost", whole_json(viewer.lost_)},
                             {"as_of", whole_json(shared_.as_of)},
                             {"now", time_json(shared_.now_us)}});
}

std::string LiveFeed::bye(std::string_view reason) {
  return event_text("bye", {{"reason", reason}, {"retry", 2}});
}

}  // namespace xylem
