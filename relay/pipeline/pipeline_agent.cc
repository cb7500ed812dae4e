#include "relay/pipeline/pipeline_agent.h"

#include <algorithm>

namespace xylem {

PipelineAgent::PipelineAgent(Epoch epoch, const Clock& clock, std::vector<SourceEdge*> sources,
                             std::vector<SinkEdge*> sinks)
    : epoch_(epoch), clock_(clock), sinks_(std::move(sinks)) {
  for (SourceEdge* edge : sources) sources_.push_back({edge});
}

std::size_t PipelineAgent::room() const {
  std::size_t room = kBatchesPerTurn;
  for (const SinkEdge* sink : sinks_) room = std::min(room, sink->room());
  return room;
}

std::pair<PipelineAgent::Source*, std::size_t> PipelineAgent::next_source() {
  Source* next = nullptr;
  bool several = false;
  for (Source& source : sources_) {
    if (source.edge->empty()) {
      // Time in which it wanted nothing is not owed to it.
      source.given = std::max(source.given, given_);
      continue;
    }
    several |= next != nullptr;
    if (next == nullptr || source.given < next->given) next = &source;
  }
  return {next, several ? 1 : kBatchesPerTurn};
}

std::size_t PipelineAgent::do_work(Instant now) {
  std::size_t work = 0;
  bool stalled = false;
  const std::size_t most = kBatchesPerTurn * sources_.size();
  while (work < most) {
    const auto [source, batches] = next_source();
    if (source == nullptr) break;
    const std::size_t count = source->edge->pop(std::span(run_).first(std::min(batches, room())));
    stalled = count == 0;
    if (stalled) break;
    take(*source, std::span(run_).first(count), clock_.wall_us());
    work += count;
  }
  note_stall(stalled, now);
  if (work != 0) {
    for (SinkEdge* sink : sinks_) sink->ring_consumer();
    next_shown_.store(next_.value, std::memory_order_relaxed);
    shown_.publish(figures_);
  }
  return work;
}

void PipelineAgent::take(Source& source, std::span<Batch*> batches, std::int64_t received_us) {
  given_ = source.given;
  for (Batch* batch : batches) {
    batch->stamp(epoch_, next_, received_us);
    next_ = next_.after(batch->size());
    figures_.events += batch->size();
    source.given += batch->frame().size() + kEventCost * batch->size();
    const BatchRef shared{std::unique_ptr<Batch>(batch)};
    for (SinkEdge* sink : sinks_) sink->push(BatchRef(shared).release());
  }
  source.edge->add_stamped(batches.size(), {next_.value - 1});
  figures_.batches += batches.size();
}

void PipelineAgent::note_stall(bool stalled, Instant now) {
  if (stalled == stalled_) return;
  stalled_ = stalled;
  figures_.stalls += stalled;
  stalled_since_ns_.store(stalled ? now.since_boot.count() : 0, std::memory_order_relaxed);
  shown_.publish(figures_);
}

bool PipelineAgent::has_work() {
  const bool waiting = std::any_of(sources_.begin(), sources_.end(),
                                   [](const Source& source) { return !source.edge->empty(); });
  if (!waiting) return false;
  bool all_have_room = true;
  for (SinkEdge* sink : sinks_) all_have_room &= sink->room() != 0 || !sink->await_room(1);
  return all_have_room;
}

Agent::Drain PipelineAgent::drain(Instant now) {
  while (do_work(now) != 0) {
  }
  const bool empty = std::all_of(sources_.begin(), sources_.end(),
                                 [](const Source& source) { return source.edge->empty(); });
  return empty ? Drain::finished : Drain::unfinished;
}

std::uint64_t PipelineAgent::on_stop() {
  std::uint64_t left = 0;
  for (const Source& source : sources_) {
    for (std::size_t n; (n = source.edge->pop(run_)) != 0;) {
      for (Batch* batch : std::span(run_).first(n)) {
        left += batch->size();
        const std::unique_ptr<Batch> sole(batch);
      }
    }
  }
  return left;
}

Duration PipelineAgent::stalled_for(Instant now) const {
  const std::int64_t since = stalled_since_ns_.load(std::memory_order_relaxed);
  return since == 0 ? Duration(0) : now - Instant{Duration(since)};
}

void PipelineAgent::sample(Samples& samples) const {
  const Figures figures = shown_.read();
  samples.push_back({Metric::pipeline_events, static_cast<double>(figures.events), {}});
  samples.push_back({Metric::pipeline_batches, static_cast<double>(figures.batches), {}});
  samples.push_back({Metric::pipeline_stalls, static_cast<double>(figures.stalls), {}});
  samples.push_back(
      {Metric::pipeline_next_sequence, static_cast<double>(next_sequence().value), {}});
}

}  // namespace xylem
