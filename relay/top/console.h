#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "relay/top/key.h"
#include "relay/top/screen.h"
#include "relay/top/task_page.h"
#include "relay/top/views.h"

namespace xylem::top {

// What somebody looks at, and what the keys do to it. Knows neither terminal nor network: keys and
// answers go in, what is wanted and a screen come out. One owner thread.
class Console {
 public:
  static constexpr Size kSizeMin{80, 24};
  struct Options {
    std::string relay;  // what it is called on the screen
    View view = View::tasks;
    std::string filter = {};
    std::optional<std::string> sort = {};
    std::optional<std::size_t> limit = {};  // rows; as many as the screen has if there is none
    Letters letters = Letters::utf8;
  };
  explicit Console(const Options& options);

  void press(const Key& key);
  void resize(const Size& size);
  // An answer to wanted(), or why there is none. `now` is ours, in seconds since 1970.
  void take(Answer answer, double now);
  void take_failure(const std::string& why, double now);

  [[nodiscard]] Wanted wanted() const;
  [[nodiscard]] bool done() const { return done_; }
  // True once: the screen is to be written into a file, or drawn anew from nothing.
  [[nodiscard]] bool take_snapshot_wish();
  [[nodiscard]] bool take_redraw_wish();
  // A sentence for the last line but one, until the next key.
  void say(const std::string& note) { note_ = note; }

  [[nodiscard]] Screen screen() const;
  // All of it, with every row: what --once prints.
  [[nodiscard]] Screen whole_screen() const;

 private:
  enum class Prompt : std::uint8_t { none, command, filter, sort, limit };
  struct Place {  // of a list, so that one comes back to it
    std::size_t chosen = 0;
    std::size_t first = 0;
    std::string key;  // of the row that was chosen; "" for whatever is on top
  };

  void press_in_prompt(const Key& key);
  void press_in_list(const Key& key);
  void press_in_task(const Key& key);
  [[nodiscard]] bool press_anywhere(const Key& key);
  void start(Prompt prompt, std::string typed);
  void finish_prompt();
  void obey(const std::string& command);
  void filter_by(const std::string& filter);
  void sort_by(const std::string& column);
  void limit_to(const std::string& rows);
  void sort_by_next(std::ptrdiff_t step);
  void turn_order();
  void go_to(View view);
  void open(const std::string& uuid, char32_t at);
  void open_chosen(char32_t at);
  void leave_task();
  void pause();
  void choose(std::size_t row);
  void find_chosen();
  void lay_out_task();
  void note_status(const Json& status);

  [[nodiscard]] bool in_task() const { return !trail_.empty(); }
  [[nodiscard]] Place& place() { return places_[static_cast<std::size_t>(view_)]; }
  [[nodiscard]] const Place& place() const { return places_[static_cast<std::size_t>(view_)]; }
  [[nodiscard]] Order& order() { return orders_[static_cast<std::size_t>(view_)]; }
  [[nodiscard]] const Order& order() const { return orders_[static_cast<std::size_t>(view_)]; }
  [[nodiscard]] std::size_t rows_shown() const;

  // console_screen.cc
  [[nodiscard]] Line head_line() const;
  [[nodiscard]] Line count_line() const;
  [[nodiscard]] Line view_line() const;
  [[nodiscard]] Line known_line() const;
  [[nodiscard]] Line about_line() const;
  [[nodiscard]] Line foot_line(Screen& screen) const;
  void append_body(Screen& screen, const Part& part) const;
  void append_task(Screen& screen) const;
  void append_help(Screen& screen) const;

  Options options_;
  Size size_;
  View view_;
  std::string filter_;
  std::array<Order, kViews> orders_;
  std::array<Place, kViews> places_;
  std::optional<std::size_t> limit_;

  Answer answer_;
  Table table_;
  bool has_answer_ = false;  // to what is wanted now
  double answered_at_ = 0;   // when the answer came; 0: never
  std::string failure_;      // of the last question
  double failed_since_ = 0;
  double rate_ = -1;       // events/s between the last two
  double events_ = -1;     // in the last status
  double status_now_ = 0;  // the relay's time in it
  double known_since_ = 0;
  double now_ = 0;

  std::vector<std::string> trail_;  // of tasks, the last is shown
  std::optional<TaskPage> page_;    // of the last; nothing until it has come
  std::size_t page_chosen_ = 0;
  std::size_t page_first_ = 0;
  char32_t page_at_ = 0;  // where to go once it has come: 't' traceback, 'r' result

  Prompt prompt_ = Prompt::none;
  std::string typed_;
  std::string note_;
  bool paused_ = false;
  double paused_events_ = 0;
  double paused_at_ = 0;
  bool help_ = false;
  bool done_ = false;
  bool snapshot_ = false;
  bool redraw_ = false;
};

}  // namespace xylem::top
