#include "relay/http/pages.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace xylem {
namespace {

class View final : public RelayView {
 public:
  Samples samples() const override { return {{Metric::pipeline_events, 7, {}}}; }
  std::vector<Check> liveness() const override { return {{"thread a", true, ""}}; }
  std::vector<Check> readiness() const override { return {{"data flows", false, "it does not"}}; }
  std::vector<TapBoard::Row> taps() const override {
    TapFigures figures;
    figures.ledger.accepted = 5;
    figures.ledger.filtered = 5;
    return {{"stream", "na\"me\xff", "task.*", "block", figures}};
  }
};

TEST(Pages, MetricsArePrometheusText) {
  const Page page = metrics_page(View());
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("\nxylem_pipeline_events_total 7\n"), std::string::npos) << page.body;
}

TEST(Pages, HealthIs200WhenEveryCheckPasses) {
  const Page page = health_page(View().liveness());
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(nlohmann::json::parse(page.body)["status"], "ok");
}

TEST(Pages, HealthIs503WithTheReasonWhenOneFails) {
  const Page page = health_page(View().readiness());
  EXPECT_EQ(page.status, 503);
  EXPECT_EQ(nlohmann::json::parse(page.body)["checks"][0]["why"], "it does not");
}

TEST(Pages, TapsSurviveNamesThatAreNotUtf8) {
  const auto page = nlohmann::json::parse(taps_page(View()).body);
  EXPECT_EQ(page["taps"][0]["filter"], "task.*");
  EXPECT_EQ(page["taps"][0]["ledger"]["balances"], true);
}

}  // namespace
}  // namespace xylem
