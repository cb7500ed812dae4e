#include "relay/top/task_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "relay/top/views.h"

namespace xylem::top {
namespace {

constexpr std::size_t kNameColumns = 12;

class Writer {
 public:
  Writer(TaskPage& page, std::size_t columns, Letters letters)
      : page_(page), columns_(std::max<std::size_t>(columns, 40)), letters_(letters) {}

  void heading(const std::string& text) {
    if (!page_.lines.empty()) add({}, "");
    add(line_of(text, Look::strong), "");
  }
  void value(const std::string& name, std::string_view text, Look look = Look::plain) {
    wrapped(name, harmless(text, letters_), look);
  }
  // The same of a text with lines of its own, as Python's tracebacks are.
  void lines(const std::string& name, std::string_view text, Look look) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    std::string title = name;
    for (bool is_last = false; !is_last;) {
      const std::size_t end = text.find('\n');
      is_last = end == std::string_view::npos;
      wrapped(title, harmless(text.substr(0, end), letters_), look);
      title.clear();
      if (!is_last) text.remove_prefix(end + 1);
    }
  }
  void add(Line line, const std::string& leads_to) {
    page_.lines.push_back({clipped(line, columns_, letters_), leads_to});
  }
  [[nodiscard]] std::size_t here() const { return page_.lines.size(); }
  [[nodiscard]] Letters letters() const { return letters_; }

 private:
  void wrapped(std::string title, std::string_view text, Look look) {
    do {
      const std::size_t fits = bytes_that_fit(text, columns_ - kNameColumns - 1);
      Line line;
      line.spans.push_back({fitted(title, kNameColumns, Align::left, letters_) + " ", Look::faint});
      line.spans.push_back({std::string(text.substr(0, fits)), look});
      add(std::move(line), "");
      text.remove_prefix(fits);
      title.clear();
    } while (!text.empty());
  }

  TaskPage& page_;
  std::size_t columns_;
  Letters letters_;
};

std::string state_text(const Json& task) {
  std::string text = text_at(task, "state");
  if (member(task, "stuck") == true) text += ", stuck";
  if (member(task, "orphaned") == true) text += ", orphaned: its worker is gone";
  if (member(task, "revoke_asked").is_object()) text += ", revoke asked";
  return text;
}

void write_values(Writer& writer, const Json& task, TaskPage& page) {
  const std::string state = text_at(task, "state");
  writer.value("uuid", text_at(task, "uuid"), Look::strong);
  writer.value("name", text_at(task, "name"), Look::strong);
  writer.value("state", state_text(task), look_of_state(state));
  writer.value("worker", text_at(task, "worker"));
  writer.value("attempts", or_dash(number_at(task, "attempts"), count_text));
  const auto clock = [](double at) { return clock_text(at, Clockface::milliseconds); };
  writer.value("changed", or_dash(time_at(task, "changed"), clock));
  writer.value("ran", or_dash(number_at(task, "elapsed"), duration_text));
  for (const char* field : {"queue", "args", "kwargs", "result", "eta", "expires", "exchange",
                            "routing_key", "signum", "exception", "traceback"}) {
    const std::string text = value_text(member(task, field));
    if (text.empty()) continue;
    if (std::string_view(field) == "result") page.result = writer.here();
    if (std::string_view(field) == "traceback") page.traceback = writer.here();
    if (std::string_view(field) == "traceback") {
      writer.lines(field, text, Look::bad);
    } else {
      writer.value(field, text, std::string_view(field) == "exception" ? Look::bad : Look::plain);
    }
  }
}

// Each event with the time since the one before it, by the clocks of who sent them.
void write_timeline(Writer& writer, const Json& task) {
  writer.heading("TIME         SINCE   EVENT             TRY WORKER, PROCESS");
  std::optional<double> before;
  for (const Json& event : member(task, "events")) {
    const auto at = time_at(event, "timestamp");
    const std::string type = text_at(event, "type");
    const bool is_far = at && before && *at < *before;
    const std::string since = !at || !before ? "" : duration_text(std::abs(*at - *before));
    const auto attempt = number_at(event, "attempt").value_or(0);
    const auto delivery = number_at(event, "delivery").value_or(0);
    const std::string attempt_text =
        fmt::format("{:.0f}{}", attempt + 1,
                    delivery > 0 ? fmt::format(".{:.0f}", delivery + 1) : std::string());
    Line line;
    line.spans.push_back(
        {fmt::format("{} {:>7}   ",
                     or_dash(at, [](double t) { return clock_text(t, Clockface::milliseconds); }),
                     is_far ? "-" + since : since),
         Look::plain});
    line.spans.push_back(
        {fitted(harmless(type, writer.letters()), 17, Align::left, writer.letters()) + " ",
         type == "task-failed"      ? Look::bad
         : type == "task-retried"   ? Look::again
         : type == "task-succeeded" ? Look::good
                                    : Look::plain});
    line.spans.push_back(
        {fmt::format("{:<3} {}, {}", attempt_text,
                     harmless(text_at(event, "hostname"), writer.letters()),
                     or_dash(number_at(event, "pid"),
                             [](double pid) { return fmt::format("{:.0f}", pid); })),
         Look::plain});
    writer.add(std::move(line), "");
    before = at;
  }
}

void write_family(Writer& writer, const Json& task, TaskPage& page) {
  const Json& family = member(task, "family");
  if (!family.is_array() || family.empty()) return;
  writer.heading("FAMILY (Enter goes there, u to the parent)");
  for (const Json& each : family) {
    const std::string uuid = text_at(each, "uuid");
    const std::string relation = text_at(each, "relation");
    const std::string state = text_at(each, "state");
    if (relation == "parent") page.parent = uuid;
    Line line;
    line.spans.push_back(
        {fmt::format("{:<7} ", harmless(relation, writer.letters())), Look::faint});
    line.spans.push_back(
        {fmt::format("{:<8} ", state.empty() ? "unknown" : harmless(state, writer.letters())),
         look_of_state(state)});
    line.spans.push_back({harmless(uuid, writer.letters()) + " ", Look::plain});
    line.spans.push_back({harmless(text_at(each, "name"), writer.letters()), Look::strong});
    writer.add(std::move(line), uuid);
  }
}

}  // namespace

TaskPage task_page(const Json& task, std::size_t columns, Letters letters) {
  TaskPage page;
  Writer writer(page, columns, letters);
  write_values(writer, task, page);
  page.timeline = writer.here() + 1;
  write_timeline(writer, task);
  write_family(writer, task, page);
  return page;
}

}  // namespace xylem::top
