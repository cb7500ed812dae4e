#include <fmt/format.h>

#include <algorithm>

#include "relay/top/console.h"

namespace xylem::top {
namespace {

constexpr std::string_view kHelp[] = {
    "1 2 3 4 5 6, Tab       tasks, workers, names, queues, failures, gaps and losses",
    "j k, arrows, g G       move; PgUp PgDn by a page",
    "Enter, i               a task with its events and family; else: tasks of a row",
    "t r                    a task's traceback, its result",
    "Esc                    back; in the list of tasks: no filter",
    "/                      filter of tasks, such as: state:FAILURE name:mail.*",
    "o, < >, I              sort by name, by the column beside, the other way round",
    "n                      how many rows",
    "p, space               pause",
    "w                      write the screen into a file",
    ":                      commands, such as :task UUID  :sort elapsed  :workers",
    "q, Ctrl-C              quit",
    "",
    "+ SUCCESS   ! FAILURE, REJECTED   ~ RETRY   > STARTED, or a state of your own",
    ". RECEIVED, PENDING   x REVOKED   ? stuck   o orphaned: its worker is gone",
};

std::string prompt_title(int prompt) {
  constexpr std::string_view kTitles[] = {"", ":", "filter: ", "sort by: ", "rows: "};
  return std::string(kTitles[prompt]);
}

}  // namespace

Line Console::head_line() const {
  Span right{answered_at_ == 0 ? "asking" : clock_text(answered_at_)};
  if (failed_since_ != 0) {
    right = {fmt::format("NO ANSWER for {}", duration_text(now_ - failed_since_)), Look::bad};
  } else if (paused_) {
    right = {fmt::format("PAUSED for {}, {} events held back", duration_text(now_ - paused_at_),
                         count_text(std::max(0.0, events_ - paused_events_))),
             Look::again};
  }
  return ends_of({"xylem top  " + harmless(options_.relay, options_.letters), Look::strong}, right,
                 size_.columns, options_.letters);
}

Line Console::count_line() const {
  const Json& status = answer_.status();
  const Json& verdicts = member(status, "verdicts");
  Line line;
  line.spans.push_back({fmt::format("events {} ({}/s)  tasks {}  workers {} alive",
                                    or_dash(number_at(status, "events"), count_text),
                                    rate_ < 0 ? "-" : rate_text(rate_),
                                    or_dash(number_at(status, "tasks"), count_text),
                                    or_dash(number_at(verdicts, "alive"), count_text)),
                        Look::plain});
  for (const auto& [verdict, look] :
       {std::pair("late", Look::waiting), std::pair("dead", Look::bad),
        std::pair("unknown", Look::again)}) {
    const double count = number_at(verdicts, verdict).value_or(0);
    if (count > 0) line.spans.push_back({fmt::format(", {} {}", count_text(count), verdict), look});
  }
  return clipped(line, size_.columns, options_.letters);
}

Line Console::view_line() const {
  Line line;
  for (std::size_t i = 0; i < kViews; ++i) {
    const bool is_chosen = static_cast<View>(i) == view_;
    const std::string_view name = name_of(static_cast<View>(i));
    line.spans.push_back(
        {fmt::format("{}{} {}{}", is_chosen ? '[' : ' ', i + 1, name, is_chosen ? ']' : ' '),
         is_chosen ? Look::strong : Look::plain});
  }
  if (!order().column.empty()) {
    line.spans.push_back(
        {fmt::format("  by {}{}", order().column, order().upwards ? "^" : ""), Look::faint});
  }
  return clipped(line, size_.columns, options_.letters);
}

Line Console::known_line() const {
  if (failed_since_ != 0) {
    return line_of(clipped(harmless(failure_, options_.letters), size_.columns, options_.letters),
                   Look::bad);
  }
  Line line;
  const auto add = [&](const std::string& text, Look look) {
    line.spans.push_back({(line.spans.empty() ? "" : "  ") + text, look});
  };
  if (view_ == View::tasks && !filter_.empty() && !in_task()) {
    add("filter " + harmless(filter_, options_.letters), Look::strong);
  }
  const auto searched = number_at(answer_.page(1), "searched");
  const auto tasks = number_at(answer_.status(), "tasks");
  const bool is_full = table_.rows.size() >= wanted().limit;
  if (view_ == View::tasks && searched && tasks && *searched < *tasks && !is_full) {
    add(fmt::format("the {} that changed last were looked at", count_text(*searched)), Look::again);
  }
  const Json& gaps = member(answer_.page(1), "gaps");
  if (gaps.is_array() && !gaps.empty()) {
    const auto from = time_at(gaps.back(), "from");
    const auto to = time_at(gaps.back(), "to");
    // One without a begin is the time before the relay's own.
    if (from && to) {
      add(fmt::format("blind from {} to {}", clock_text(*from), clock_text(*to)), Look::bad);
    }
  }
  if (known_since_ != 0) add("knows since " + clock_text(known_since_), Look::faint);
  return clipped(line, size_.columns, options_.letters);
}

Line Console::about_line() const {
  std::string text = note_;
  if (text.empty() && !in_task() && place().chosen < table_.rows.size()) {
    text = table_.rows[place().chosen].about;
  }
  return line_of(clipped(harmless(text, options_.letters), size_.columns, options_.letters),
                 note_.empty() ? Look::faint : Look::strong);
}

Line Console::foot_line(Screen& screen) const {
  if (prompt_ != Prompt::none) {
    std::string text = prompt_title(static_cast<int>(prompt_)) + harmless(typed_, options_.letters);
    // The end is what is being typed.
    while (columns_of(text) >= size_.columns) text.erase(0, bytes_that_fit(text, 1));
    screen.cursor = Screen::Cursor{screen.lines.size(), columns_of(text)};
    return line_of(text, Look::strong);
  }
  const std::string_view keys =
      in_task() ? "Esc back  j k move  t traceback  r result  u parent  p pause  ? help  q quit"
                : "q quit  ? help  / filter  o sort  Enter open  t traceback  p pause  1-6 views";
  return line_of(clipped(keys, size_.columns, options_.letters), Look::faint);
}

void Console::append_body(Screen& screen, const Part& part) const {
  for (Line& line : lines_of(table_, order(), part, size_.columns, options_.letters)) {
    screen.lines.push_back(std::move(line));
  }
  if (table_.rows.empty() && has_answer_) screen.lines.push_back(line_of("  nothing", Look::faint));
}

void Console::append_task(Screen& screen) const {
  if (!page_) {
    screen.lines.push_back(line_of("task " + harmless(trail_.back(), options_.letters)));
    return;
  }
  const std::size_t end = std::min(page_->lines.size(), page_first_ + rows_shown() + 1);
  for (std::size_t i = page_first_; i < end; ++i) {
    screen.lines.push_back(page_->lines[i].line);
    screen.lines.back().is_bar = i == page_chosen_;
  }
}

void Console::append_help(Screen& screen) const {
  for (const std::string_view line : kHelp) {
    screen.lines.push_back(line_of(clipped(line, size_.columns, options_.letters)));
  }
}

Screen Console::screen() const {
  Screen screen;
  if (size_.columns < kSizeMin.columns || size_.lines < kSizeMin.lines) {
    const std::string words =
        fmt::format("xylem top needs {} x {}, this is {} x {}", kSizeMin.columns, kSizeMin.lines,
                    size_.columns, size_.lines);
    screen.lines.push_back(line_of(clipped(words, size_.columns, options_.letters)));
    return screen;
  }
  screen.lines = {head_line(), count_line(), view_line(), known_line()};
  if (help_) {
    append_help(screen);
  } else if (in_task()) {
    append_task(screen);
  } else {
    append_body(screen, {place().first, rows_shown(), place().chosen});
  }
  screen.lines.resize(size_.lines - 2);
  screen.lines.push_back(about_line());
  screen.lines.push_back(foot_line(screen));
  return screen;
}

Screen Console::whole_screen() const {
  Screen screen;
  screen.lines = {head_line(), count_line(), view_line(), known_line()};
  append_body(screen, {0, table_.rows.size(), SIZE_MAX});
  return screen;
}

}  // namespace xylem::top
