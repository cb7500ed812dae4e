#include <string>

#include "relay/cluster/celery_state.h"
#include "relay/cluster/state.h"
#include "relay/cluster/task_subject.h"
#include "relay/event/batch.h"
#include "relay/filter/filter.h"
#include "tests/fuzz/fuzzed.h"

// Events, one a line: whatever they are, both rule sets take or refuse them, the bounds hold, and
// every task can be read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace xylem;
  cluster::State::Options options;
  options.tasks_max = 4;
  options.names_max = 8;
  options.value_bytes_max = 32;
  options.workers.workers_max = 3;
  cluster::State state(options);
  cluster::CeleryState celery({3, 4});
  const Filter filter = *Filter::parse("has:name OR args.0:1 OR retries:>0 OR received:>-1h");
  std::string_view rest = testing::text_of(bytes, size);
  std::int64_t now_us = 1'700'000'000'000'000;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string event(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t event_bytes = event.size();
    event.resize(event_bytes + Slab::kSlack);
    EventView fields;
    static_cast<void>(fields.open(std::string_view(event).substr(0, event_bytes)));
    state.apply(fields, now_us += 1'000'000);
    static_cast<void>(celery.apply(fields));
    state.pass_time(now_us);
  }
  XYLEM_CHECK(state.tasks().size() <= options.tasks_max, "tasks are bounded");
  XYLEM_CHECK(state.workers().all().size() <= 3 && celery.tasks().size() <= 4, "and workers");
  for (cluster::TaskNumber n = 0; n < state.tasks().numbers_end(); ++n) {
    if (!state.tasks().at(n).in_use) continue;
    static_cast<void>(filter.matches(cluster::TaskSubject(state, n), now_us));
    static_cast<void>(state.is_stuck(state.tasks().at(n), now_us));
  }
  return 0;
}
