#pragma once

#include <clocale>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "relay/top/views.h"

namespace xylem::top::testing {

// Times are UTC and letters UTF-8, wherever the tests run.
inline void in_a_known_place() {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  std::setlocale(LC_CTYPE, "C.UTF-8");
}

inline constexpr const char* kStatus = R"({
  "now": {"seconds": 1000000100}, "known_since": {"seconds": 1000000000}, "as_of": 1234567,
  "tasks": 2, "workers": 3, "verdicts": {"alive": 2, "late": 0, "dead": 1, "unknown": 0},
  "events": 1234567, "refused": {"no_uuid": 3, "far_time": 0},
  "evicted": {"finished_for_number": 12}})";

inline constexpr const char* kTasks = R"json({"tasks": [
  {"uuid": "5a6c7e0e-0000-4000-8000-000000000001", "name": "mail.send", "state": "FAILURE",
   "worker": "celery@web-1", "changed": {"seconds": 1000000099}, "elapsed": 1.25,
   "orphaned": false, "stuck": false, "args": "('a@b',)", "exception": "ValueError('no')"},
  {"uuid": "5a6c7e0e-0000-4000-8000-000000000002", "name": "video.cut", "state": "STARTED",
   "worker": "celery@web-2", "changed": {"seconds": 1000000050}, "elapsed": 50,
   "orphaned": false, "stuck": true, "args": "(7,)"}],
  "cursor": null, "matched": 2, "searched": 2, "gaps": []})json";

inline Answer answer(std::vector<std::string> pages) {
  Answer made{{Json::parse(kStatus)}};
  for (const std::string& page : pages) made.pages.push_back(Json::parse(page));
  return made;
}

}  // namespace xylem::top::testing
