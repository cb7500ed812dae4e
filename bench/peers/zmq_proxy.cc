#include <zmq.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

// The peer "raw libzmq": everything pulled is published, frame by frame as it came, moved and not
// copied. `zmq_proxy [--drop]` prints the endpoints it chose and runs until it is killed. It holds
// producers back while a subscriber is full; with --drop it drops for that subscriber, as a plain
// PUB socket does.

namespace {

constexpr int kHighWaterMark = 1000;
// A queue that drops must be longer than what a subscriber who reads can be behind, and libzmq
// notices only after half of it, or a millisecond, that it has been read.
constexpr int kHighWaterMarkToDrop = 10'000;

void must(bool fine, const char* what) {
  if (fine) return;
  std::fprintf(stderr, "zmq_proxy: %s: %s\n", what, zmq_strerror(zmq_errno()));
  std::exit(1);
}

void* listening(void* context, int kind, bool holds_back, char* endpoint, std::size_t bytes) {
  void* socket = zmq_socket(context, kind);
  const int holds = holds_back ? 1 : 0;
  const int high = holds_back ? kHighWaterMark : kHighWaterMarkToDrop;
  must(zmq_setsockopt(socket, ZMQ_SNDHWM, &high, sizeof high) == 0 &&
           zmq_setsockopt(socket, ZMQ_RCVHWM, &high, sizeof high) == 0,
       "set the high-water marks");
  if (kind == ZMQ_PUB)
    must(zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &holds, sizeof holds) == 0, "hold back");
  must(zmq_bind(socket, "tcp://127.0.0.1:*") == 0, "listen");
  must(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &bytes) == 0, "ask for the endpoint");
  return socket;
}

}  // namespace

int main(int count, char** words) {
  const bool drops = count == 2 && std::strcmp(words[1], "--drop") == 0;
  if (count > 1 && !drops) {
    const bool asked = std::strcmp(words[1], "--help") == 0;
    std::fputs("usage: zmq_proxy [--drop]\n", asked ? stdout : stderr);
    return asked ? 0 : 2;
  }
  void* context = zmq_ctx_new();
  char push[256];
  char publish[256];
  void* from = listening(context, ZMQ_PULL, true, push, sizeof push);
  void* to = listening(context, ZMQ_PUB, !drops, publish, sizeof publish);
  std::printf("{\"ready\":true,\"push\":[\"%s\"],\"publish\":[\"%s\"]}\n", push, publish);
  std::fflush(stdout);

  zmq_msg_t frame;
  zmq_msg_init(&frame);
  for (;;) {
    must(zmq_msg_recv(&frame, from, 0) >= 0, "receive");
    must(zmq_msg_send(&frame, to, zmq_msg_more(&frame) != 0 ? ZMQ_SNDMORE : 0) >= 0, "send");
  }
}
