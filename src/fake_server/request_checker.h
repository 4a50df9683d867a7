// Checks the members of a JSON request, and words each refusal as the service it stands for does.
#ifndef LLMLOAD_SRC_FAKE_SERVER_REQUEST_CHECKER_H_
#define LLMLOAD_SRC_FAKE_SERVER_REQUEST_CHECKER_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "src/fake_server/protocol.h"

namespace llmload::fake_server {

using Names = std::span<const std::string_view>;

/// Thrown by a parser at the first fault of a request, and caught by `ParseWith`.
struct RequestRefusal {
  std::string message;
  int status = 400;
};

/// The member of this name; null if there is none or if it is JSON's null.
const nlohmann::json* Find(const nlohmann::json& object, std::string_view name);

bool Contains(Names names, std::string_view name);

/// `'a', 'b' or 'c'`.
std::string Alternatives(Names names);

/// The bytes of `text` are ASCII white space, or there are none.
bool IsBlank(std::string_view text);

class RequestChecker {
 public:
  using Json = nlohmann::json;

  explicit RequestChecker(Protocol protocol) : protocol_(protocol) {}

  Protocol protocol() const noexcept { return protocol_; }

  /// Refuses with this text as it is.
  [[noreturn]] static void Refuse(std::string message, int status = 400);
  /// Refuses `path` in the frame that the service puts around a problem.
  [[noreturn]] void RefuseAt(const std::string& path, const std::string& problem) const;
  /// Refuses `value` because it is not of the type `expected`: "string", "list", "dictionary",
  /// "integer", "number" or "boolean".
  [[noreturn]] void RefuseType(const std::string& path, const Json& value,
                               std::string_view expected) const;

  // Of a member or an element: what it holds, or a refusal.
  const Json& Required(const Json& object, const std::string& path, std::string_view name) const;
  const std::string& String(const Json& value, const std::string& path) const;
  const std::string& RequiredString(const Json& object, const std::string& path,
                                    std::string_view name) const;
  const Json& List(const Json& value, const std::string& path) const;
  const Json& Dictionary(const Json& value, const std::string& path) const;

  // Of a member that may be missing: null then.
  const Json* OptionalList(const Json& object, const std::string& path,
                           std::string_view name) const;
  const Json* OptionalDictionary(const Json& object, const std::string& path,
                                 std::string_view name) const;
  const std::string* OptionalString(const Json& object, const std::string& path,
                                    std::string_view name) const;
  bool OptionalBoolean(const Json& object, const std::string& path, std::string_view name,
                       bool usual) const;
  void OptionalNumber(const Json& object, const std::string& path, std::string_view name,
                      double min, double max) const;
  std::optional<std::int64_t> OptionalCount(const Json& object, const std::string& path,
                                            std::string_view name, std::int64_t min) const;

  /// Refuses a text that is not one of `names`.
  void OneOf(const Json& value, const std::string& path, Names names) const;
  /// Refuses the members whose names are not in `names`.
  void OnlyKnown(const Json& object, const std::string& path, Names names) const;

  static std::string Join(const std::string& path, std::string_view name);
  static std::string Join(const std::string& path, std::size_t index);

 private:
  const Protocol protocol_;
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_REQUEST_CHECKER_H_
