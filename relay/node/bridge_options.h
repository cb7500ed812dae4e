#pragma once

#include <vector>

#include "relay/node/option_table.h"

namespace xylem {

// The options of the AMQP bridges.
void add_bridge_options(std::vector<OptionRow>& rows);

// Makes of the URL and the password's file what a connection needs. Appends to `problems`.
void resolve_broker(Config& config, std::vector<Problem>& problems);

// Rules between the bridges' options, and with others. Appends to `problems`.
void check_bridges(const Config& config, std::vector<Problem>& problems);

}  // namespace xylem
