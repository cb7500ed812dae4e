#include "relay/http/connection_stages.h"

#include <algorithm>

namespace xylem {

void ConnectionStages::admit(Member& member, Instant now) {
  member.stage_ = idle;
  member.until_ = now + patience_[idle];
  member.place_ = stages_[idle].insert(stages_[idle].end(), &member);
}

void ConnectionStages::enter(Member& member, Stage stage, Instant now) {
  stages_[stage].splice(stages_[stage].end(), stages_[member.stage_], member.place_);
  member.stage_ = stage;
  member.until_ = now + patience_[stage];
}

void ConnectionStages::remove(Member& member) { stages_[member.stage_].erase(member.place_); }

std::size_t ConnectionStages::size() const {
  std::size_t all = 0;
  for (const auto& stage : stages_) all += stage.size();
  return all;
}

std::optional<Instant> ConnectionStages::deadline() const {
  std::optional<Instant> first;
  for (const auto& stage : stages_) {
    if (stage.empty()) continue;
    first = first ? std::min(*first, stage.front()->until_) : stage.front()->until_;
  }
  return first;
}

ConnectionStages::Member* ConnectionStages::overdue(Instant now) const {
  for (const auto& stage : stages_) {
    if (!stage.empty() && stage.front()->until_ <= now) return stage.front();
  }
  return nullptr;
}

ConnectionStages::Member* ConnectionStages::oldest(Stage stage) const {
  return stages_[stage].empty() ? nullptr : stages_[stage].front();
}

ConnectionStages::Member* ConnectionStages::makes_room() const {
  if (Member* gone_soon = oldest(leaving)) return gone_soon;
  const auto fullest =
      std::max_element(stages_.begin(), stages_.end(),
                       [](const auto& a, const auto& b) { return a.size() < b.size(); });
  return fullest->empty() ? nullptr : fullest->front();
}

}  // namespace xylem
