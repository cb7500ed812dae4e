#include "relay/top/console.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "relay/filter/filter.h"

namespace xylem::top {
namespace {

constexpr std::size_t kRowsMax = 1000;  // the relay gives no more
constexpr std::size_t kTypedBytesMax = Filter::kBytesMax;
constexpr char32_t kCtrlU = 0x15;
constexpr char32_t kCtrlL = 0x0C;

bool is_letter(const Key& key, char32_t letter) {
  return key.kind == Key::Kind::letter && key.letter == letter;
}

void append_utf8(std::string& text, char32_t letter) {
  const auto byte = [&](char32_t value) { text += static_cast<char>(value); };
  if (letter < 0x80) return byte(letter);
  if (letter < 0x800) {
    byte(0xC0 | (letter >> 6));
  } else if (letter < 0x10000) {
    byte(0xE0 | (letter >> 12));
    byte(0x80 | ((letter >> 6) & 0x3F));
  } else {
    byte(0xF0 | (letter >> 18));
    byte(0x80 | ((letter >> 12) & 0x3F));
    byte(0x80 | ((letter >> 6) & 0x3F));
  }
  byte(0x80 | (letter & 0x3F));
}

void remove_last_letter(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) {
    text.pop_back();
  }
  if (!text.empty()) text.pop_back();
}

// Where a key leads from line `at` of `count`; nothing if it moves nothing.
std::optional<std::size_t> moved(const Key& key, std::size_t at, std::size_t count,
                                 std::size_t page) {
  using Kind = Key::Kind;
  const std::size_t last = count == 0 ? 0 : count - 1;
  if (key.kind == Kind::up || is_letter(key, 'k')) return at == 0 ? 0 : at - 1;
  if (key.kind == Kind::down || is_letter(key, 'j')) return std::min(at + 1, last);
  if (key.kind == Kind::page_up) return at < page ? 0 : at - page;
  if (key.kind == Kind::page_down) return std::min(at + page, last);
  if (key.kind == Kind::home || is_letter(key, 'g')) return 0;
  if (key.kind == Kind::end || is_letter(key, 'G')) return last;
  return std::nullopt;
}

// The first line to show, so that `chosen` is among them.
std::size_t scrolled(std::size_t first, std::size_t chosen, std::size_t rows) {
  if (chosen < first) return chosen;
  return chosen >= first + rows ? chosen - rows + 1 : first;
}

}  // namespace

Console::Console(const Options& options)
    : options_(options), view_(options.view), filter_(options.filter), limit_(options.limit) {
  for (std::size_t i = 0; i < kViews; ++i) orders_[i] = usual_order(static_cast<View>(i));
  table_.columns = &columns_of(view_);
  if (options.sort) sort_by(*options.sort);
}

std::size_t Console::rows_shown() const { return std::max(size_.lines, kSizeMin.lines) - 7; }

Wanted Console::wanted() const {
  Wanted wanted{view_, filter_, order(), kRowsMax, in_task() ? trail_.back() : "", false};
  if (limit_) {
    wanted.limit = *limit_;
  } else if (view_ == View::tasks) {
    // A page more than is shown, in whole pages, so that scrolling seldom asks for another number.
    const std::size_t pages = place().first / rows_shown() + 2;
    wanted.limit = std::min(kRowsMax, pages * rows_shown());
  }
  wanted.status_alone = paused_ && has_answer_;
  return wanted;
}

void Console::resize(const Size& size) {
  if (size == size_) return;
  size_ = size;
  find_chosen();
  if (in_task() && has_answer_) lay_out_task();
}

void Console::note_status(const Json& status) {
  const double events = number_at(status, "events").value_or(-1);
  const double at = time_at(status, "now").value_or(0);
  const double since = time_at(status, "known_since").value_or(0);
  if (known_since_ != 0 && since != known_since_) {
    say(fmt::format("the relay began anew: it knows what came since {}", clock_text(since)));
    rate_ = events_ = -1;
  }
  if (events_ >= 0 && at > status_now_) rate_ = (events - events_) / (at - status_now_);
  if (at > status_now_ || events_ < 0) {
    events_ = events;
    status_now_ = at;
  }
  known_since_ = since;
}

void Console::take(Answer answer, double now) {
  now_ = now;
  failure_.clear();
  failed_since_ = 0;
  note_status(answer.status());
  if (paused_ && has_answer_) return;
  answer_ = std::move(answer);
  answered_at_ = now;
  has_answer_ = true;
  if (in_task()) return lay_out_task();
  table_ = table_of(wanted(), answer_);
  find_chosen();
}

void Console::take_failure(const std::string& why, double now) {
  now_ = now;
  if (failed_since_ == 0) failed_since_ = now;
  failure_ = why;
}

void Console::lay_out_task() {
  page_ = task_page(answer_.page(1), size_.columns, options_.letters);
  if (page_at_ == 't') page_chosen_ = page_->traceback;
  if (page_at_ == 'r') page_chosen_ = page_->result;
  page_at_ = 0;
  if (page_->lines.empty()) return;
  page_chosen_ = std::min(page_chosen_, page_->lines.size() - 1);
  page_first_ = scrolled(page_first_, page_chosen_, rows_shown() + 1);
}

void Console::find_chosen() {
  Place& at = place();
  if (table_.rows.empty()) return;
  if (at.key.empty()) at.chosen = 0;
  const auto found = std::find_if(table_.rows.begin(), table_.rows.end(), [&](const Row& row) {
    return !at.key.empty() && row.key == at.key;
  });
  if (found != table_.rows.end()) {
    at.chosen = static_cast<std::size_t>(found - table_.rows.begin());
  }
  choose(std::min(at.chosen, table_.rows.size() - 1));
}

void Console::choose(std::size_t row) {
  Place& at = place();
  at.chosen = row;
  at.key = row == 0 || row >= table_.rows.size() ? "" : table_.rows[row].key;
  at.first = scrolled(at.first, row, rows_shown());
}

void Console::press(const Key& key) {
  note_.clear();
  if (prompt_ != Prompt::none) return press_in_prompt(key);
  if (help_) {
    help_ = false;
    done_ = is_letter(key, 'q') || key.kind == Key::Kind::quit;
    return;
  }
  if (press_anywhere(key)) return;
  in_task() ? press_in_task(key) : press_in_list(key);
}

bool Console::press_anywhere(const Key& key) {
  using Kind = Key::Kind;
  if (is_letter(key, 'q') || key.kind == Kind::quit) return done_ = true;
  if (is_letter(key, '?') || is_letter(key, 'h') || key.kind == Kind::help) return help_ = true;
  if (is_letter(key, 'p') || is_letter(key, ' ')) return pause(), true;
  if (is_letter(key, 'w')) return snapshot_ = true;
  if (is_letter(key, kCtrlL) || key.kind == Kind::redraw) return redraw_ = true;
  if (is_letter(key, ':')) return start(Prompt::command, ""), true;
  if (is_letter(key, '/') || key.kind == Kind::filter) return start(Prompt::filter, filter_), true;
  if (is_letter(key, 'c') || is_letter(key, 'L')) {
    say("this only looks; tell workers by: celery -A APP control revoke UUID");
    return true;
  }
  if (key.kind == Kind::letter && key.letter >= '1' && key.letter < '1' + kViews) {
    return go_to(static_cast<View>(key.letter - '1')), true;
  }
  const auto here = static_cast<std::size_t>(view_);
  if (key.kind == Kind::tab) return go_to(static_cast<View>((here + 1) % kViews)), true;
  if (key.kind == Kind::back_tab) {
    return go_to(static_cast<View>((here + kViews - 1) % kViews)), true;
  }
  return false;
}

void Console::press_in_list(const Key& key) {
  using Kind = Key::Kind;
  if (const auto to = moved(key, place().chosen, table_.rows.size(), rows_shown())) {
    return choose(*to);
  }
  if (key.kind == Kind::enter || is_letter(key, 'i')) return open_chosen('i');
  if (is_letter(key, 't') || is_letter(key, 'r')) return open_chosen(key.letter);
  if (is_letter(key, 'o') || key.kind == Kind::sort) return start(Prompt::sort, "");
  if (is_letter(key, '<')) return sort_by_next(-1);
  if (is_letter(key, '>')) return sort_by_next(1);
  if (is_letter(key, 'I')) return turn_order();
  if (is_letter(key, 'n')) return start(Prompt::limit, "");
  if (key.kind == Kind::escape && !filter_.empty()) return filter_by("");
}

void Console::press_in_task(const Key& key) {
  using Kind = Key::Kind;
  if (key.kind == Kind::escape || key.kind == Kind::backspace || key.kind == Kind::left) {
    return leave_task();
  }
  if (!page_ || page_->lines.empty()) return;
  const auto go = [&](std::size_t line) {
    page_chosen_ = line;
    page_first_ = scrolled(page_first_, line, rows_shown() + 1);
  };
  if (const auto to = moved(key, page_chosen_, page_->lines.size(), rows_shown())) return go(*to);
  if (is_letter(key, 't')) return go(page_->traceback);
  if (is_letter(key, 'r')) return go(page_->result);
  if (is_letter(key, 'i')) return go(0);
  const std::string& leads_to = page_->lines[page_chosen_].uuid;
  if (key.kind == Kind::enter && !leads_to.empty()) return open(std::string(leads_to), 'i');
  if (is_letter(key, 'u')) {
    page_->parent.empty() ? say("it has no parent") : open(std::string(page_->parent), 'i');
  }
}

void Console::press_in_prompt(const Key& key) {
  using Kind = Key::Kind;
  if (key.kind == Kind::enter) return finish_prompt();
  if (key.kind == Kind::backspace) return remove_last_letter(typed_);
  if (is_letter(key, kCtrlU)) return typed_.clear();
  if (key.kind == Kind::escape) {
    prompt_ = Prompt::none;
  } else if (key.kind == Kind::letter && key.letter >= 0x20 && typed_.size() < kTypedBytesMax) {
    append_utf8(typed_, key.letter);
  }
}

void Console::start(Prompt prompt, std::string typed) {
  prompt_ = prompt;
  typed_ = std::move(typed);
}

// What makes no sense stays to be corrected, with the reason above it.
void Console::finish_prompt() {
  const Prompt prompt = prompt_;
  switch (prompt) {
    case Prompt::command: obey(typed_); break;
    case Prompt::filter: filter_by(typed_); break;
    case Prompt::sort: sort_by(typed_); break;
    case Prompt::limit: limit_to(typed_); break;
    case Prompt::none: break;
  }
  if (note_.empty() && prompt_ == prompt) prompt_ = Prompt::none;
}

void Console::obey(const std::string& command) {
  const std::size_t space = std::min(command.find(' '), command.size());
  const std::string word = command.substr(0, space);
  const std::string rest = command.substr(std::min(space + 1, command.size()));
  if (const auto view = view_named(word)) return go_to(*view);
  if (word == "filter") return filter_by(rest);
  if (word == "sort") return sort_by(rest);
  if (word == "limit") return limit_to(rest);
  if (word == "pause") return pause();
  if (word == "task" && !rest.empty()) return open(rest, 'i');
  if (word == "quit" || word == "q") {
    done_ = true;
  } else if (word == "help") {
    help_ = true;
  } else if (!word.empty()) {
    say("commands: tasks workers names queues failures gaps filter sort limit task pause help "
        "quit");
  }
}

void Console::filter_by(const std::string& filter) {
  if (const auto parsed = Filter::parse(filter); !parsed) return say(parsed.error().message);
  filter_ = filter;
  places_[static_cast<std::size_t>(View::tasks)] = {};
  go_to(View::tasks);
}

void Console::sort_by(const std::string& column) {
  const auto names = orders_of(view_);
  if (column.empty()) return;
  if (std::find(names.begin(), names.end(), column) == names.end()) {
    return say(fmt::format("there is no '{}' to sort by; there are {}",
                           harmless(column, options_.letters), fmt::join(names, ", ")));
  }
  // Texts go upwards, figures downwards.
  const bool is_text = column == "name" || column == "worker" || column == "verdict" ||
                       column == "exception" || column == "place" || column == "task";
  order() = {column, is_text};
  view_ == View::tasks ? void(has_answer_ = false) : void(table_ = table_of(wanted(), answer_));
  find_chosen();
}

void Console::limit_to(const std::string& rows) {
  std::size_t limit = 0;
  const char* const end = rows.data() + rows.size();
  const auto [last, failure] = std::from_chars(rows.data(), end, limit);
  if (rows.empty()) {
    limit_.reset();
  } else if (failure != std::errc{} || last != end || limit == 0 || limit > kRowsMax) {
    return say(fmt::format("a limit is from 1 to {} rows; nothing: as many as there is room for",
                           kRowsMax));
  } else {
    limit_ = limit;
  }
  has_answer_ = false;
}

void Console::sort_by_next(std::ptrdiff_t step) {
  const auto names = orders_of(view_);
  const auto now = std::find(names.begin(), names.end(), order().column);
  const auto count = static_cast<std::ptrdiff_t>(names.size());
  const std::ptrdiff_t at = now == names.end() ? 0 : (now - names.begin() + step + count) % count;
  sort_by(std::string(names[static_cast<std::size_t>(at)]));
}

void Console::turn_order() {
  if (view_ == View::tasks) return say("the relay sorts tasks: the last or the longest come first");
  order().upwards = !order().upwards;
  table_ = table_of(wanted(), answer_);
  find_chosen();
}

void Console::go_to(View view) {
  view_ = view;
  trail_.clear();
  page_.reset();
  table_ = {&columns_of(view), {}};
  has_answer_ = false;
}

void Console::open(const std::string& uuid, char32_t at) {
  trail_.push_back(uuid);
  page_.reset();
  page_chosen_ = page_first_ = 0;
  page_at_ = at;
  has_answer_ = false;
}

// The tasks behind a row, or the task itself.
void Console::open_chosen(char32_t at) {
  if (place().chosen >= table_.rows.size()) return;
  const Row& row = table_.rows[place().chosen];
  if (view_ == View::tasks) return open(std::string(row.key), at);
  if (row.filter.empty()) return say("there are no tasks behind this row");
  filter_by(std::string(row.filter));
}

void Console::leave_task() {
  trail_.pop_back();
  page_.reset();
  page_chosen_ = page_first_ = 0;
  has_answer_ = false;
}

void Console::pause() {
  paused_ = !paused_;
  paused_events_ = events_;
  paused_at_ = now_;
}

bool Console::take_snapshot_wish() { return std::exchange(snapshot_, false); }
bool Console::take_redraw_wish() { return std::exchange(redraw_, false); }

}  // namespace xylem::top
