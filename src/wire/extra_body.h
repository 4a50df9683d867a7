// Members that a user adds to the bodies of requests, beside those that a codec writes.
#ifndef LLMLOAD_SRC_WIRE_EXTRA_BODY_H_
#define LLMLOAD_SRC_WIRE_EXTRA_BODY_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llmload::wire {

/// What an API's codec writes, as far as added members have to fit in.
struct BodyForm {
  /// A member that nobody else may write, because it decides what is measured.
  struct Own {
    std::string_view path;        ///< "max_tokens", or "options.num_predict" in the object `nested`
    std::string_view decided_by;  ///< what to use instead
  };

  /// The object in which the API has parameters besides those of the outermost one.
  std::string_view nested;
  std::span<const Own> own;
};

inline constexpr std::string_view kModelOption = "--model (the model of the request)";
inline constexpr std::string_view kPromptOption =
    "--prompt or --dataset (the messages of the request)";
inline constexpr std::string_view kStreamOption = "--stream or --no-stream (stream of the request)";
inline constexpr std::string_view kMaxTokensOption = "--max-tokens (max_tokens of the request)";

/// Checked and written as text once, so that a request that is sent with it copies that text and no
/// more. Immutable.
class ExtraBody {
 public:
  /// Takes the members of the JSON object `json`. Throws `ConfigurationError` that names
  /// "extra_body" for another text, for a member that is there twice, and for one of `form.own`.
  ExtraBody(std::string_view json, const BodyForm& form) : ExtraBody({}, json, form) {}
  /// Takes the members of `json`, and of `common` those that `json` does not override. Objects in
  /// both are merged. `common` may be empty.
  ExtraBody(std::string_view common, std::string_view json, const BodyForm& form);

  /// The members of the outermost object, each with a comma before it, and those of
  /// `BodyForm::nested` likewise.
  const std::string& top() const { return top_; }
  const std::string& nested() const { return nested_; }

  bool Has(std::string_view name) const { return Contains(names_, name); }
  bool NestedHas(std::string_view name) const { return Contains(nested_names_, name); }

  /// Names of the outermost object's members, in order.
  const std::vector<std::string>& names() const { return names_; }

 private:
  static bool Contains(const std::vector<std::string>& names, std::string_view name);

  std::string top_;
  std::string nested_;
  std::vector<std::string> names_;
  std::vector<std::string> nested_names_;
};

/// Appends `,"name":{...}` with the members that `write_own` appends, each with a comma before it,
/// and the nested ones of `extra`, which may be null. Appends nothing if there are none.
template <class WriteOwn>
void AppendNested(std::string_view name, const ExtraBody* extra, std::string& out,
                  WriteOwn write_own) {
  const std::size_t before = out.size();
  out.append(",\"").append(name).append("\":");
  const std::size_t first_comma = out.size();
  write_own();
  if (extra != nullptr) out.append(extra->nested());
  if (out.size() == first_comma) {
    out.resize(before);
    return;
  }
  out[first_comma] = '{';
  out.push_back('}');
}

/// Appends the members of the outermost object, and closes it.
inline void CloseBody(const ExtraBody* extra, std::string& out) {
  if (extra != nullptr) out.append(extra->top());
  out.push_back('}');
}

}  // namespace llmload::wire

#endif  // LLMLOAD_SRC_WIRE_EXTRA_BODY_H_
