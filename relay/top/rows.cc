#include "relay/top/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "relay/top/views.h"

namespace xylem::top {
namespace {

Cell count_cell(const std::optional<double>& count, Look look = Look::plain) {
  return {or_dash(count, count_text), count.value_or(0) > 0 ? look : Look::plain, count};
}

Cell duration_cell(const std::optional<double>& seconds, Look look = Look::plain) {
  return {or_dash(seconds, duration_text), look, seconds};
}

Cell clock_cell(const std::optional<double>& seconds) {
  return {or_dash(seconds, [](double at) { return clock_text(at); }), Look::plain, seconds};
}

Cell rate_cell(const Json& json) {
  const auto rate = number_at(json, "rate");
  return {or_dash(rate, rate_text), Look::plain, rate};
}

// What a state is, for those who see no colours.
std::string mark_of(const Json& task, std::string_view state) {
  if (member(task, "stuck") == true) return "?";
  if (member(task, "orphaned") == true) return "o";
  switch (look_of_state(state)) {
    case Look::good: return "+";
    case Look::bad: return "!";
    case Look::again: return "~";
    case Look::waiting: return ".";
    case Look::busy: return ">";
    default: return "x";
  }
}

Look look_of_verdict(std::string_view verdict) {
  if (verdict == "alive") return Look::good;
  if (verdict == "late") return Look::waiting;
  return verdict == "dead" ? Look::bad : Look::again;
}

Row tally_row(const Json& tally, std::string_view key) {
  const std::string name = text_at(tally, "name");
  const Json& events = member(tally, "events");
  const Json& run = member(tally, "run");
  const Json& wait = member(tally, "wait");
  Row row;
  row.key = name;
  row.filter = filter_of(key, name);
  row.about = fmt::format("{} {}: ran {} on average, waited {}", key, name,
                          or_dash(number_at(run, "mean"), duration_text),
                          or_dash(number_at(wait, "mean"), duration_text));
  row.cells = {{name},
               rate_cell(tally),
               count_cell(number_at(events, "succeeded")),
               count_cell(number_at(events, "failed"), Look::bad),
               count_cell(number_at(events, "retried"), Look::again)};
  for (const Json* sketch : {&run, &wait}) {
    for (const char* percentile : {"p50", "p95", "p99"}) {
      row.cells.push_back(duration_cell(number_at(*sketch, percentile)));
    }
  }
  row.cells.push_back(count_cell(number_at(tally, "tasks")));
  return row;
}

Row loss_row(double events, std::string_view what, std::string where) {
  Row row;
  row.key = fmt::format("{} {}", what, where);
  row.about = row.key;
  row.cells = {
      {"-"}, {"-"}, count_cell(events, Look::bad), {std::string(what), Look::bad}, {where}};
  return row;
}

}  // namespace

std::string filter_of(std::string_view key, std::string_view text) {
  std::string filter(key);
  filter += ":\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') filter += '\\';
    filter += c;
  }
  return filter + "\"";
}

Row task_row(const Json& task, double) {
  const std::string state = text_at(task, "state");
  const std::string name = text_at(task, "name");
  const std::string exception = value_text(member(task, "exception"));
  const bool is_odd = member(task, "stuck") == true || member(task, "orphaned") == true;
  const Look look = is_odd ? Look::bad : look_of_state(state);
  Row row;
  row.key = text_at(task, "uuid");
  row.about = fmt::format("{} {}{}{}{}", row.key, name, exception.empty() ? "" : ": ", exception,
                          member(task, "stuck") == true      ? " (stuck)"
                          : member(task, "orphaned") == true ? " (its worker is gone)"
                                                             : "");
  row.cells = {clock_cell(time_at(task, "changed")),
               {mark_of(task, state), look},
               {state, look},
               duration_cell(number_at(task, "elapsed")),
               {name},
               {text_at(task, "worker")},
               {row.key},
               {value_text(member(task, "args"))}};
  return row;
}

Row worker_row(const Json& worker, double now) {
  const std::string hostname = text_at(worker, "hostname");
  const std::string verdict = text_at(worker, "verdict");
  const auto beat = time_at(worker, "last_beat");
  const auto skew = number_at(worker, "clock_skew");
  const Json& load = member(worker, "loadavg");
  const bool has_load = load.is_array() && !load.empty() && load[0].is_number();
  Row row;
  row.key = hostname;
  row.filter = filter_of("worker", hostname);
  const bool is_flapping = member(worker, "flapping") == true;
  row.about = fmt::format(
      "{}: {}{}{}, pid {}, {} events", hostname, verdict, is_flapping ? ", comes and goes" : "",
      member(worker, "offline_synthesised") == true ? " without saying so" : "",
      or_dash(number_at(worker, "pid"), [](double pid) { return fmt::format("{:.0f}", pid); }),
      or_dash(number_at(worker, "events"), count_text));
  row.cells = {
      {hostname},
      {verdict + (is_flapping ? "*" : ""), look_of_verdict(verdict)},
      duration_cell(beat ? std::optional(std::max(0.0, now - *beat)) : std::nullopt),
      count_cell(number_at(worker, "active")),
      count_cell(number_at(worker, "processed")),
      rate_cell(worker),
      count_cell(number_at(worker, "tasks")),
      count_cell(number_at(worker, "restarts"), Look::again),
      {skew ? (*skew < 0 ? "-" : "") + duration_text(std::abs(*skew)) : "-", Look::plain, skew},
      {has_load ? fmt::format("{:.2f}", load[0].get<double>()) : "-", Look::plain,
       has_load ? std::optional(load[0].get<double>()) : std::nullopt},
      {text_at(worker, "sw_ident") + " " + text_at(worker, "sw_ver")}};
  return row;
}

Row name_row(const Json& tally, double) { return tally_row(tally, "name"); }
Row queue_row(const Json& tally, double) { return tally_row(tally, "queue"); }

Row failure_row(const Json& failure, double) {
  const std::string exception = text_at(failure, "exception");
  const std::string place = text_at(failure, "place");
  Row row;
  row.key = exception + " " + place;
  // A glob, since what is behind the class differs; without one, for what no glob can hold.
  const bool is_plain = exception.find_first_of(" \t\r\n()\"*?") == std::string::npos;
  if (is_plain && !exception.empty()) {
    row.filter = fmt::format("(state:FAILURE OR state:RETRY) exception:{}*", exception);
  }
  row.about = fmt::format("{} at {}, such as {}", exception, place.empty() ? "-" : place,
                          text_at(failure, "example"));
  row.cells = {clock_cell(time_at(failure, "last")),
               count_cell(number_at(failure, "failed"), Look::bad),
               count_cell(number_at(failure, "retried"), Look::again),
               {exception},
               {place},
               {text_at(failure, "task")},
               clock_cell(time_at(failure, "first"))};
  return row;
}

Row gap_row(const Json& gap, double) {
  const auto from = time_at(gap, "from");
  const auto to = time_at(gap, "to");
  const auto events = number_at(gap, "events");
  Row row;
  row.key = fmt::format("blind {}", from.value_or(0));
  row.about = from ? fmt::format("the relay was blind for {}",
                                 duration_text(std::max(0.0, to.value_or(0) - *from)))
                   : "before the relay began";
  row.cells = {clock_cell(from),
               clock_cell(to),
               {events ? count_text(*events) : "unknown", Look::plain, events},
               {"blind", from ? Look::bad : Look::plain},
               {row.about}};
  return row;
}

void append_losses(std::vector<Row>& rows, const Json& status, const Json& taps) {
  for (const auto& [list, what] :
       {std::pair("refused", "refused"), std::pair("evicted", "let go")}) {
    for (const auto& [reason, count] : member(status, list).items()) {
      const double events = count.is_number() ? count.get<double>() : 0;
      if (events > 0) rows.push_back(loss_row(events, what, "state: " + reason));
    }
  }
  for (const Json& tap : member(taps, "taps")) {
    const Json& ledger = member(tap, "ledger");
    const std::string where = fmt::format("{} {}", text_at(tap, "sink"), text_at(tap, "name"));
    for (const auto& [reason, count] : member(ledger, "dropped").items()) {
      const double events = count.is_number() ? count.get<double>() : 0;
      if (events > 0) rows.push_back(loss_row(events, "dropped", where + ": " + reason));
    }
    if (member(ledger, "balances") == false) rows.push_back(loss_row(1, "unbalanced", where));
  }
}

}  // namespace xylem::top
