#include "relay/cli/bench_run.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "relay/cli/bench_process.h"

namespace xylem::cli {
namespace {

constexpr double kReadyPatienceS = 15;

// A child process that computes a trivially copyable result and writes it to a pipe.
template <class Answer>
class Child {
 public:
  template <class Work>
  static Child start(Work work) {
    Child child;
    int answer[2];
    if (::pipe(answer) != 0) std::abort();
    const pid_t parent = ::getpid();
    child.pid_ = ::fork();
    if (child.pid_ == 0) {
      end_with(parent, SIGKILL);
      ::close(answer[0]);
      const Answer result = work();
      const char* bytes = reinterpret_cast<const char*>(&result);
      for (std::size_t done = 0; done < sizeof result;) {
        const auto written = ::write(answer[1], bytes + done, sizeof result - done);
        if (written <= 0) break;
        done += static_cast<std::size_t>(written);
      }
      ::_exit(0);
    }
    ::close(answer[1]);
    child.answer_fd_ = answer[0];
    return child;
  }
  // Waits for it. An answer that did not come whole is `otherwise`.
  Answer finish(Answer otherwise) {
    Answer result{};
    char* bytes = reinterpret_cast<char*>(&result);
    std::size_t done = 0;
    for (ssize_t got; done < sizeof result &&
                      (got = ::read(answer_fd_, bytes + done, sizeof result - done)) > 0;) {
      done += static_cast<std::size_t>(got);
    }
    ::close(answer_fd_);
    ::waitpid(pid_, nullptr, 0);
    return done == sizeof result ? result : otherwise;
  }
  // It has come to an end, or is about to.
  [[nodiscard]] bool has_answered() const {
    pollfd wait{answer_fd_, POLLIN, 0};
    return ::poll(&wait, 1, 0) > 0;
  }
  void signal(int number) const { ::kill(pid_, number); }

 private:
  pid_t pid_ = 0;
  int answer_fd_ = -1;
};

SinkResult no_answer() {
  SinkResult result;
  result.failed = 1;
  return result;
}

// The children of one run and the pipes between them and us.
class Cast {
 public:
  Cast(const BenchOptions& options, BenchCarrier& carrier)
      : options_(options),
        carrier_(carrier),
        window_(options.patterns.size(), options.producers, options.window_events) {}
  ~Cast() {
    for (const int fd : {ready_[0], ready_[1], go_[0], go_[1]}) ::close(fd);
  }
  Cast(const Cast&) = delete;
  Cast& operator=(const Cast&) = delete;

  [[nodiscard]] bool start() {
    if (::pipe(ready_) != 0 || ::pipe(go_) != 0) return false;
    for (std::size_t i = 0; i < options_.patterns.size(); ++i) {
      sinks_.push_back(Child<SinkResult>::start([&] {
        return run_sink(options_, carrier_, {i, ready_[1], window_});
      }));
    }
    for (std::size_t i = 0; i < options_.producers; ++i) {
      producers_.push_back(Child<ProducerResult>::start([&] {
        ::close(go_[1]);
        return run_producer(options_, carrier_, {i, go_[0], window_});
      }));
    }
    return true;
  }
  // Sends events that every subscriber wants until each has received one. False: they do not come,
  // or a subscriber has ended.
  [[nodiscard]] bool warm_up() {
    const auto producer = carrier_.producer(options_.push.front());
    if (producer == nullptr) return false;
    const SystemClock clock;
    const Instant start = clock.now();
    for (std::size_t ready = 0; ready < options_.patterns.size();) {
      if (std::chrono::duration<double>(clock.now() - start).count() > kReadyPatienceS)
        return false;
      if (lost_a_sink()) return false;
      producer->send({kBenchWarmUpType, kBenchWarmUpKey, kBenchWarmUpBody});
      producer->flush();
      pollfd wait{ready_[0], POLLIN, 0};
      char byte = 0;
      while (::poll(&wait, 1, 20) > 0 && ::read(ready_[0], &byte, 1) == 1) ++ready;
    }
    return producer->close() == 0;
  }
  // One that was refused, or cut off, before it had anything to tell.
  [[nodiscard]] bool lost_a_sink() const {
    return std::any_of(sinks_.begin(), sinks_.end(),
                       [](const auto& sink) { return sink.has_answered(); });
  }
  void go() {
    for (std::size_t i = steady(); i < sinks_.size(); ++i) sinks_[i].signal(SIGSTOP);
    for (std::size_t i = 0; i < options_.producers; ++i) {
      [[maybe_unused]] const auto written = ::write(go_[1], "g", 1);
    }
  }
  void finish_steady(BenchResult& result) {
    for (auto& child : producers_) result.producers.push_back(child.finish({}));
    for (std::size_t i = 0; i < steady(); ++i)
      result.sinks.push_back(sinks_[i].finish(no_answer()));
  }
  void finish_stalled(BenchResult& result) {
    for (std::size_t i = steady(); i < sinks_.size(); ++i) {
      sinks_[i].signal(SIGCONT);
      result.sinks.push_back(sinks_[i].finish(no_answer()));
    }
  }
  void kill() {
    for (auto& child : sinks_) child.signal(SIGKILL);
    for (auto& child : producers_) child.signal(SIGKILL);
    for (auto& child : sinks_) static_cast<void>(child.finish({}));
    for (auto& child : producers_) static_cast<void>(child.finish({}));
  }

 private:
  [[nodiscard]] std::size_t steady() const {
    return sinks_.size() - std::min(options_.stalled, sinks_.size());
  }
  const BenchOptions& options_;
  BenchCarrier& carrier_;
  BenchWindow window_;
  int ready_[2] = {-1, -1};
  int go_[2] = {-1, -1};
  std::vector<Child<SinkResult>> sinks_;
  std::vector<Child<ProducerResult>> producers_;
};

}  // namespace

Result<BenchResult> run_bench(const BenchOptions& options, BenchCarrier& carrier, pid_t broker) {
  Cast cast(options, carrier);
  if (!cast.start()) return fail(ErrorCode::io, "no pipes left");
  // Children were made before this process had any thread or socket.
  if (!cast.warm_up()) {
    const bool lost = cast.lost_a_sink();
    cast.kill();
    if (lost) return fail(ErrorCode::refused, "a subscriber ended before there was anything");
    return fail(ErrorCode::timed_out,
                fmt::format("the subscribers received nothing through {} and {} within {} s",
                            options.push.front(), options.receive, kReadyPatienceS));
  }
  BenchResult result;
  result.carrier = carrier.name();
  result.options = options;
  if (broker != 0) forget_peak(broker);
  const ProcessFigures before = broker != 0 ? process_figures(broker) : ProcessFigures{};
  cast.go();
  cast.finish_steady(result);
  if (broker != 0) {
    const ProcessFigures after = process_figures(broker);
    result.relay_cpu_s = after.cpu_s - before.cpu_s;
    result.relay_peak_bytes = after.peak_bytes;
  }
  cast.finish_stalled(result);
  return result;
}

}  // namespace xylem::cli
