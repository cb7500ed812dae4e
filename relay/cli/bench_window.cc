#include "relay/cli/bench_window.h"

#include <sys/mman.h>

#include <cstdlib>

#include "relay/base/check.h"

namespace xylem::cli {
namespace {

constexpr std::size_t kPlacesPerLine = 64 / sizeof(std::uint64_t);

}  // namespace

BenchWindow::BenchWindow(std::size_t sinks, std::size_t producers, std::uint64_t events)
    : sinks_(sinks),
      producers_(producers),
      stride_((producers + kPlacesPerLine - 1) / kPlacesPerLine * kPlacesPerLine),
      events_(events) {
  static_assert(Place::is_always_lock_free, "it is shared between processes");
  void* shared = ::mmap(nullptr, sinks_ * stride_ * sizeof(Place), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  XYLEM_CHECK(shared != MAP_FAILED, "some memory to share");
  places_ = static_cast<Place*>(shared);  // zeros are valid places
}

BenchWindow::~BenchWindow() { ::munmap(places_, sinks_ * stride_ * sizeof(Place)); }

BenchWindow::Place& BenchWindow::at(std::size_t sink, std::size_t producer) const {
  return places_[sink * stride_ + producer];
}

bool BenchWindow::is_open(std::size_t producer, std::uint64_t n) const {
  if (events_ == 0) return true;
  for (std::size_t sink = 0; sink < sinks_; ++sink) {
    const std::uint64_t reached = at(sink, producer).load(std::memory_order_relaxed);
    if (n > reached && n - reached > events_) return false;
  }
  return true;
}

void BenchWindow::reached(std::size_t sink, std::span<const std::uint64_t> of_producers) {
  if (events_ == 0) return;
  for (std::size_t producer = 0; producer < producers_; ++producer)
    at(sink, producer).store(of_producers[producer], std::memory_order_relaxed);
}

void BenchWindow::leave(std::size_t sink) {
  for (std::size_t producer = 0; producer < producers_; ++producer)
    at(sink, producer).store(UINT64_MAX, std::memory_order_relaxed);
}

}  // namespace xylem::cli
