#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "relay/agent/agent_runner.h"
#include "relay/amqp/amqp_sink.h"
#include "relay/amqp/amqp_source.h"
#include "relay/amqp/broker_watch.h"
#include "relay/base/clock.h"
#include "relay/cluster/state_agent.h"
#include "relay/egress/block_budget.h"
#include "relay/egress/publish_egress.h"
#include "relay/egress/stream_egress.h"
#include "relay/egress/upstream.h"
#include "relay/history/history_agent.h"
#include "relay/http/http_server.h"
#include "relay/ingest/acked_ingest.h"
#include "relay/ingest/push_ingest.h"
#include "relay/node/config.h"
#include "relay/pipeline/pipeline_agent.h"
#include "relay/spool/spool_agent.h"
#include "relay/transport/socket.h"

namespace xylem {

// What stopping left behind.
struct StopReport {
  struct Line {
    std::string agent;
    std::uint64_t events_left = 0;
    bool late = false;  // did not even end by the deadline
  };
  std::vector<Line> lines;
  [[nodiscard]] std::uint64_t events_left() const;
  [[nodiscard]] bool any_late() const;
};

// One running relay: builds what the configuration asks for, starts it, stops it. The graph is
// here, in one place, and no behaviour:
//
//   push ─────────┐                                ┌─ publish
//   acked ────────┼─► pipeline ══ ring per sink ══►┼─ stream
//   amqp source ══┘                                └─ spool ══ log ══► upstream, or amqp sink
//                                                               └═► history ══► stream
//   and state, a sink with a tap of its own, on a thread of its own
//
// on one thread, or, left and right of the rings, on two (docs/decisions/0006); spool, history,
// upstream and the AMQP bridges have one each, because disks and librabbitmq block.
//
// All methods from one thread; RelayView's from any.
class Node final : public RelayView {
 public:
  // Opens the spool, if there is to be one. Errors: those of Spool::open().
  // `stop_asked` is asked while the spool is read.
  [[nodiscard]] static Result<std::unique_ptr<Node>> open(Config config, const Clock& clock,
                                                          const StopAsked& stop_asked = {});
  ~Node() override;

  // Errors: those of the endpoints (address_in_use, io). On an error nothing is left running.
  [[nodiscard]] Result<void> start();
  // Sources first, so that no stage is stopped while another still feeds it. `hurry` is asked now
  // and then; once it says yes the deadline is now.
  [[nodiscard]] StopReport stop(Instant deadline, const std::function<bool()>& hurry);
  // Takes over what SIGHUP can change. Errors: bad_configuration, naming the options that cannot
  // change while running; then nothing has changed.
  [[nodiscard]] Result<void> reload(const Config& config);

  // A new configuration could not even be read; counts it.
  void refuse_reload() { ++reloads_refused_; }

  [[nodiscard]] const Config& config() const { return config_; }
  // After start: where it listens, with the ports that the system chose, by configuration key.
  [[nodiscard]] std::vector<std::pair<std::string, std::vector<Address>>> endpoints() const;

  [[nodiscard]] Samples samples() const override;
  [[nodiscard]] std::vector<Check> liveness() const override;
  [[nodiscard]] std::vector<Check> readiness() const override;
  [[nodiscard]] std::vector<TapBoard::Row> taps() const override;
  [[nodiscard]] const cluster::SharedState* state() const override {
    return state_ ? &state_->shared() : nullptr;
  }

 private:
  Node(Config config, const Clock& clock, Epoch epoch, std::unique_ptr<Spool> spool);
  [[nodiscard]] Result<void> add_spool();
  [[nodiscard]] Result<void> add_amqp();
  void add_state();
  // How far the times that are stored are ahead of the wall clock, and what people are told of it,
  // if that is worth a word.
  [[nodiscard]] Duration clock_ahead() const;
  void sample_transport(Samples& samples) const;
  [[nodiscard]] std::string clock_trouble() const;
  void set_broker_password(const std::string& password);
  // How long a thread may wait in a call, if it may.
  [[nodiscard]] std::optional<Duration> may_wait(const AgentRunner& runner) const;
  [[nodiscard]] AgentRunner* add_thread(const char* name, Agent& agent,
                                        Duration sleep_max = AgentRunner::kSleepMax);
  [[nodiscard]] std::vector<SourceEdge*> sources();
  [[nodiscard]] std::vector<SinkEdge*> sinks();
  [[nodiscard]] std::vector<std::pair<AgentRunner*, Agent*>> in_flow_order();
  [[nodiscard]] AgentRunner& intake() { return *threads_.front(); }
  [[nodiscard]] AgentRunner& egress() { return *threads_[config_.threads - 1]; }

  Config config_;
  Context context_;
  std::unique_ptr<Spool> spool_;
  const Clock& wall_clock_;
  const AscendingClock clock_;
  LogProgress log_progress_;
  Epoch epoch_;
  RelayId id_;
  Instant started_;

  SourceEdge push_edge_;
  SourceEdge acked_edge_;
  SourceEdge amqp_edge_;
  SinkEdge publish_edge_;
  SinkEdge stream_edge_;
  SinkEdge spool_edge_;
  SinkEdge state_edge_;
  HistoryLink history_link_;     // in use with a spool
  Published<RelayChain> chain_;  // without an upstream: only us
  PushIngest push_;
  AckedIngest acked_;
  BlockBudget block_budget_;
  PublishEgress publish_;
  StreamEgress stream_;
  PipelineAgent pipeline_;
  std::optional<SpoolAgent> spool_agent_;
  std::optional<HistoryAgent> history_;
  std::optional<cluster::StateAgent> state_;
  std::optional<Upstream> upstream_;
  std::unique_ptr<AmqpSink> amqp_sink_;      // or none
  std::unique_ptr<AmqpSource> amqp_source_;  // likewise
  std::optional<BrokerWatch> amqp_watch_;
  std::vector<std::unique_ptr<AgentRunner>> threads_;
  AgentRunner* spool_thread_ = nullptr;    // or none
  AgentRunner* history_thread_ = nullptr;  // likewise, and those below
  AgentRunner* state_thread_ = nullptr;
  AgentRunner* upstream_thread_ = nullptr;
  AgentRunner* amqp_source_thread_ = nullptr;
  AgentRunner* amqp_sink_thread_ = nullptr;
  AgentRunner* amqp_watch_thread_ = nullptr;
  HttpServer http_;

  std::atomic<bool> running_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> reloads_done_{0};
  std::atomic<std::uint64_t> reloads_refused_{0};
};

}  // namespace xylem
