// A program of somebody who has only what `cmake --install` left: sends three events to a relay and
// receives them again. Arguments: the push and the stream endpoint. Exit code 0 if all came back.

#include <cstdio>
#include <string>

#include "relay/client/dispatcher.h"
#include "relay/client/receiver.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto push = xylem::Address::parse(argv[1]);
  const auto stream = xylem::Address::parse(argv[2]);
  if (!push || !stream) return 2;
  xylem::Context context;
  const xylem::SystemClock clock;

  xylem::Receiver::Options receive;
  receive.relay = *stream;
  receive.patterns = {"task.*"};
  xylem::Receiver receiver(receive, context, clock);
  int succeeded = 0;
  int others = 0;
  receiver.on("task-succeeded", [&](const xylem::Receiver::Event&) { ++succeeded; });
  receiver.on("*", [&](const xylem::Receiver::Event&) { ++others; });
  if (!receiver.open()) return 1;
  while (!receiver.is_connected()) {
    if (!receiver.receive(std::chrono::milliseconds(50))) return 1;
  }

  xylem::Dispatcher::Options dispatch;
  dispatch.relay = *push;
  dispatch.hostname = "stranger@test";
  auto dispatcher = xylem::Dispatcher::open(dispatch, context, clock);
  if (!dispatcher) return 1;
  xylem::EventFields fields;
  fields.add("uuid", "u1").add("runtime", 0.5);
  for (const char* type : {"task-started", "task-succeeded", "worker-heartbeat", "task-failed"}) {
    if ((*dispatcher)->send(type, fields) != xylem::Dispatcher::Sent::queued) return 1;
  }
  const auto captured = receiver.capture(3, std::chrono::seconds(10));
  std::printf("%d succeeded, %d others\n", succeeded, others);
  return captured && succeeded == 1 && others == 2 ? 0 : 1;
}
