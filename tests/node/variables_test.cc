#include "relay/node/variables.h"

#include <gtest/gtest.h>

namespace xylem {
namespace {

std::string texts(const std::vector<Problem>& problems) {
  std::string all;
  for (const Problem& problem : problems) all += problem.where + " " + problem.what + "\n";
  return all;
}

TEST(Variables, OneThatIsNearlyAnOptionIsAMistakeInTheConfiguration) {
  EXPECT_EQ(texts(misspelt_options({"XYLEM_PUSH_LISTN=x", "PATH=y", "XYLEM_PUSH_LISTEN=z"})),
            "XYLEM_PUSH_LISTN is not an option; did you mean 'XYLEM_PUSH_LISTEN'?\n");
  EXPECT_EQ(texts(unknown_variables({"XYLEM_PUSH_LISTN=x"})), "") << "it is told once";
}

TEST(Variables, OneThatIsNearlyOfAnotherKindIsTold) {
  EXPECT_EQ(texts(unknown_variables({"XYLEM_PUHS=tcp://a:1"})),
            "XYLEM_PUHS means nothing to xylem; did you mean 'XYLEM_PUSH'?\n");
  EXPECT_EQ(texts(misspelt_options({"XYLEM_PUHS=tcp://a:1"})), "");
}

TEST(Variables, OneThatMeansNothingIsTold) {
  EXPECT_EQ(texts(unknown_variables({"XYLEM_COLOUR_OF_THE_SKY=blue"})),
            "XYLEM_COLOUR_OF_THE_SKY means nothing to xylem\n");
}

TEST(Variables, ThoseThatEverythingReadsAreFine) {
  for (const char* fine : {"XYLEM_PUSH=a", "XYLEM_STREAM=a", "XYLEM_MIRROR=worker",
                           "XYLEM_AMQP_URL=a", "XYLEM_BUFFER_BYTES=1", "xylem_push=a", "HOME=/"}) {
    EXPECT_EQ(texts(unknown_variables({fine})) + texts(misspelt_options({fine})), "");
  }
}

// A service called xylem makes these for every container of its namespace.
TEST(Variables, ThoseOfKubernetesAreLeftAlone) {
  for (const char* made :
       {"XYLEM_SERVICE_HOST=10.0.0.1", "XYLEM_SERVICE_PORT=7600", "XYLEM_SERVICE_PORT_PUSH=7600",
        "XYLEM_PORT=tcp://10.0.0.1:7600", "XYLEM_PORT_7600_TCP=tcp://10.0.0.1:7600",
        "XYLEM_PORT_7600_TCP_ADDR=10.0.0.1", "XYLEM_PORT_7600_TCP_PORT=7600",
        "XYLEM_CENTRAL_SERVICE_HOST=10.0.0.1", "XYLEM_STREAM_PORT_7603_TCP_PROTO=tcp"}) {
    EXPECT_EQ(texts(unknown_variables({made})) + texts(misspelt_options({made})), "");
  }
}

}  // namespace
}  // namespace xylem
