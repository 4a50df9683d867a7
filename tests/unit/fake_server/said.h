// What an answer of an API beside OpenAI's says, however the API words it.
#ifndef LLMLOAD_TESTS_UNIT_FAKE_SERVER_SAID_H_
#define LLMLOAD_TESTS_UNIT_FAKE_SERVER_SAID_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/fake_server/raw_client.h"

namespace llmload::fake_server {

enum class Api : std::uint8_t { kAnthropic, kConverse, kInvoke, kOllama };

struct SaidCall {
  std::string id;
  std::string name;
  std::string arguments;  ///< JSON
  bool begun = false;
  bool ended = false;
};

struct Said {
  std::string text;
  std::vector<SaidCall> calls;
  std::string stop;           ///< reason
  std::string stop_sequence;  ///< where the API names it, or is asked to
  nlohmann::json usage;
  int events = 0;
  int broken_events = 0;  ///< that are not JSON
  std::string error;      ///< type of an error inside the stream, or its text
};

/// The JSON of each event of a streamed answer, or of the whole answer; a discarded value where it
/// is not JSON. With Converse, the name of the event is the only member.
std::vector<nlohmann::json> EventsOf(Api api, bool stream, const RawResponse& answer);

Said ReadSaid(Api api, bool stream, const RawResponse& answer);

}  // namespace llmload::fake_server

#endif  // LLMLOAD_TESTS_UNIT_FAKE_SERVER_SAID_H_
