// Goal    of a task is noted what Celery's State would say.
// Method  rows of its matrix: what comes late changes what it changes there.

#include "relay/cluster/task_notes.h"

#include <gtest/gtest.h>

#include "relay/event/batch.h"

namespace xylem::cluster {
namespace {

class Notes : public ::testing::Test {
 protected:
  const TaskNote& note(const std::string& subject, const std::string& fields,
                       const std::string& host = "w", const std::string& uuid = "t") {
    body_ = "{" + fields + "}";
    body_.resize(body_.size() + Slab::kSlack);
    EXPECT_TRUE(opened_.open(std::string_view(body_).substr(0, fields.size() + 2)));
    CountedEvent event;
    event.subject = subject;
    event.of_task = true;
    event.hostname = host;
    event.uuid = uuid;
    event.timestamp = ++now_;
    event.fields = &opened_;
    return notes_.note(event);
  }
  TaskNotes notes_{3, 1};
  std::string body_;
  EventView opened_;
  double now_ = 0;
};

TEST_F(Notes, KeepWhatEarlierEventsSaid) {
  note("sent", R"("name": "n", "queue": "q", "eta": "x")", "client");
  const TaskNote& task = note("started", "");
  EXPECT_EQ(task.name, "n");
  EXPECT_EQ(task.queue, "q");
  EXPECT_EQ(task.eta, "x");
  EXPECT_EQ(task.hostname, "w");
  EXPECT_EQ(task.sent, 1.0);
  EXPECT_EQ(task.started, 2.0);
  EXPECT_FALSE(task.received);
}

TEST_F(Notes, OfALateReceivedTakeItsNameAndEtaAlone) {
  note("started", R"("queue": "a")", "w");
  const TaskNote& task = note("received", R"("name": "n", "eta": "x", "queue": "b")", "v");
  EXPECT_EQ(task.name, "n");
  EXPECT_EQ(task.eta, "x");
  EXPECT_EQ(task.queue, "a");
  EXPECT_EQ(task.hostname, "w");
  EXPECT_EQ(task.received, 2.0);
}

TEST_F(Notes, OfAnyOtherLateEventTakeAll) {
  note("received", R"("name": "n")", "w");
  EXPECT_EQ(note("sent", R"("name": "m")", "client").hostname, "client");
  EXPECT_EQ(note("started", "").name, "m");
}

TEST_F(Notes, AfterARetryNothingIsLate) {
  note("retried", "", "w");
  EXPECT_EQ(note("received", "", "v").hostname, "v");
}

TEST_F(Notes, NullIsNone) {
  note("received", R"("name": "n", "queue": "q")");
  const TaskNote& task = note("started", R"("name": null, "queue": null)");
  EXPECT_FALSE(task.name);
  EXPECT_FALSE(task.queue);
  EXPECT_TRUE(task.has_queue);
}

TEST_F(Notes, ForgetWhatCameFirst) {
  for (const char* const uuid : {"1", "2", "3"}) note("received", R"("name": "n")", "w", uuid);
  note("started", "", "w", "1");
  EXPECT_EQ(notes_.forgotten(), 0u);
  note("received", "", "w", "4");
  EXPECT_EQ(notes_.forgotten(), 1u);
  EXPECT_FALSE(note("started", "", "w", "1").name);
  EXPECT_EQ(note("started", "", "w", "3").name, "n");
}

}  // namespace
}  // namespace xylem::cluster
