#include "relay/event/topic_automaton.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "relay/base/check.h"
#include "relay/event/routing_key.h"

namespace xylem {
namespace {

constexpr std::size_t kLaneBits = 64;
static_assert(kPatternWordsMax < kLaneBits, "a pattern fits into a lane");
// So few words are found sooner one by one.
constexpr std::size_t kFewLiterals = 8;

}  // namespace

TopicAutomaton::TopicAutomaton(std::span<const std::string> patterns) {
  std::size_t used = kLaneBits;
  for (const std::string& pattern : patterns) add(pattern, used);
  XYLEM_CHECK(lanes_.size() <= kPatternsPerSubscriberMax, "a lane has a pattern at least");
  gather_literals();
}

// `used` is how many bits of the last lane are taken.
void TopicAutomaton::add(std::string_view pattern, std::size_t& used) {
  const auto words = static_cast<std::size_t>(std::count(pattern.begin(), pattern.end(), '.')) + 1;
  if (used + words + 1 > kLaneBits) {
    lanes_.emplace_back();
    used = 0;
  }
  Lane& lane = lanes_.back();
  Bits bit = Bits{1} << used;
  const std::size_t before = used;
  lane.start |= bit;
  bool behind_hash = false;
  for_each_word(pattern, [&](std::string_view word) {
    // Two `#` in a row say what one says.
    if (word == "#" && behind_hash) return;
    behind_hash = word == "#";
    if (behind_hash) {
      lane.hashes |= bit;
      if (used == before) lane.start |= bit << 1;
    } else if (word == "*") {
      lane.one_word |= bit;
    } else {
      literals_.push_back({std::string(word), static_cast<std::uint32_t>(places_.size()), 1});
      places_.push_back({static_cast<std::uint32_t>(lanes_.size() - 1), bit});
    }
    bit <<= 1;
    ++used;
  });
  lane.accept |= bit;
  ++used;
}

// From one literal per place to one per word, with all its places side by side.
void TopicAutomaton::gather_literals() {
  std::sort(literals_.begin(), literals_.end(), [](const Literal& a, const Literal& b) {
    return std::tie(a.word, a.first) < std::tie(b.word, b.first);
  });
  std::vector<Literal> distinct;
  std::vector<Place> places;
  for (Literal& literal : literals_) {
    const Place place = places_[literal.first];
    if (distinct.empty() || distinct.back().word != literal.word) {
      distinct.push_back({std::move(literal.word), static_cast<std::uint32_t>(places.size()), 0});
    }
    Literal& known = distinct.back();
    if (known.count != 0 && places.back().lane == place.lane) {
      places.back().bits |= place.bits;
    } else {
      places.push_back(place);
      ++known.count;
    }
  }
  literals_ = std::move(distinct);
  places_ = std::move(places);
}

std::span<const TopicAutomaton::Place> TopicAutomaton::places_of(
    std::string_view word) const noexcept {
  const auto found =
      literals_.size() <= kFewLiterals
          ? std::find_if(literals_.begin(), literals_.end(),
                         [word](const Literal& literal) { return literal.word == word; })
          : std::lower_bound(
                literals_.begin(), literals_.end(), word,
                [](const Literal& literal, std::string_view text) { return literal.word < text; });
  if (found == literals_.end() || found->word != word) return {};
  return std::span(places_).subspan(found->first, found->count);
}

TopicAutomaton::Bits TopicAutomaton::step(const Lane& lane, Bits at, Bits leads_on) noexcept {
  const Bits next = (leads_on | (at & lane.one_word)) << 1 | (at & lane.hashes);
  return next | (next & lane.hashes) << 1;
}

// False once nothing can match any more.
bool TopicAutomaton::step_all(Reached& at, std::string_view word) const noexcept {
  const std::span<const Place> places = places_of(word);
  Bits any = 0;
  if (lanes_.size() == 1) {
    at[0] = step(lanes_[0], at[0], places.empty() ? 0 : at[0] & places[0].bits);
    return at[0] != 0;
  }
  auto place = places.begin();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    Bits leads_on = 0;
    if (place != places.end() && place->lane == i) leads_on = at[i] & (place++)->bits;
    at[i] = step(lanes_[i], at[i], leads_on);
    any |= at[i];
  }
  return any != 0;
}

template <class ForEachWord>
bool TopicAutomaton::run(ForEachWord for_each) const noexcept {
  Reached at;
  for (std::size_t i = 0; i < lanes_.size(); ++i) at[i] = lanes_[i].start;
  if (!for_each([&](std::string_view word) { return step_all(at, word); })) return false;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if ((at[i] & lanes_[i].accept) != 0) return true;
  }
  return false;
}

bool TopicAutomaton::matches(std::string_view key) const noexcept {
  return run([key](auto step) {
    bool goes_on = true;
    for_each_word(key, [&](std::string_view word) { goes_on = goes_on && step(word); });
    return goes_on;
  });
}

bool TopicAutomaton::matches(std::span<const std::string_view> words) const noexcept {
  return run([words](auto step) { return std::all_of(words.begin(), words.end(), step); });
}

}  // namespace xylem
