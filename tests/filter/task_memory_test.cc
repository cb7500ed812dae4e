#include "relay/filter/task_memory.h"

#include <gtest/gtest.h>

#include "relay/event/batch.h"
#include "relay/filter/event_subject.h"
#include "relay/filter/filter.h"

namespace xylem {
namespace {

class Memory : public ::testing::Test {
 protected:
  bool matches(const char* filter, std::string event) {
    const std::size_t bytes = event.size();
    event.resize(bytes + Slab::kSlack);
    EventView fields;
    EXPECT_TRUE(fields.open(std::string_view(event).substr(0, bytes)));
    memory_.see(fields);
    return Filter::parse(filter)->matches(EventSubject(fields, &memory_), 0);
  }
  TaskMemory memory_{2};
};

TEST_F(Memory, LetsLaterEventsBeSelectedByTheirTasksName) {
  EXPECT_FALSE(matches("name:a", R"({"type": "task-started", "uuid": "t"})"));
  EXPECT_TRUE(matches("name:a", R"({"type": "task-received", "uuid": "t", "name": "a"})"));
  EXPECT_TRUE(matches("name:a", R"({"type": "task-succeeded", "uuid": "t"})"));
  EXPECT_FALSE(matches("name:a", R"({"type": "task-succeeded", "uuid": "u"})"));
}

TEST_F(Memory, ForgetsTheTaskThatCameFirst) {
  for (const char* uuid : {"t", "u", "v"}) {
    matches("x", std::string(R"({"type": "task-received", "name": "a", "uuid": ")") + uuid + "\"}");
  }
  EXPECT_EQ(memory_.size(), 2u);
  EXPECT_FALSE(matches("name:a", R"({"type": "task-started", "uuid": "t"})"));
  EXPECT_TRUE(matches("name:a", R"({"type": "task-started", "uuid": "v"})"));
}

}  // namespace
}  // namespace xylem
