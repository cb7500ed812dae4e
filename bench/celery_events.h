#pragma once

#include <string>
#include <string_view>

namespace xylem::bench {

// A task-succeeded event as Celery 5.2 sends it, `bytes` long (at least 230).
inline std::string celery_event(std::size_t bytes, std::string_view type = "task-succeeded") {
  std::string text = R"({"hostname": "celery@worker-17.example", "utcoffset": 0, "pid": 4711, )"
                     R"("clock": 123456, "uuid": "8d81b624-9420-4ad5-95e1-5634d305e299", )"
                     R"("runtime": 0.02711, "timestamp": 1700000000.1234567, "type": ")";
  text += type;
  text += R"(", "result": ""})";
  if (bytes > text.size()) text.insert(text.size() - 2, bytes - text.size(), 'x');
  return text;
}

inline std::string celery_list(std::size_t events, std::size_t bytes) {
  std::string list = "[";
  for (std::size_t i = 0; i < events; ++i) {
    if (i != 0) list += ", ";
    list += celery_event(bytes, i % 3 == 0   ? "task-received"
                                : i % 3 == 1 ? "task-started"
                                             : "task-succeeded");
  }
  return list + "]";
}

}  // namespace xylem::bench
