// The members that options and requests add to the bodies of a dialect.
#ifndef LLMLOAD_SRC_SERVICE_BODY_EXTRAS_H_
#define LLMLOAD_SRC_SERVICE_BODY_EXTRAS_H_

#include <optional>
#include <string>

#include "llmload/core/environment.h"
#include "llmload/provider/completion.h"
#include "llmload/provider/error.h"
#include "llmload/provider/http_options.h"
#include "src/wire/extra_body.h"

namespace llmload {

/// Those of the options are parsed once. Immutable.
class BodyExtras {
 public:
  /// Throws `ConfigurationError` if `options.extra_body` cannot be used.
  BodyExtras(const HttpOptions& options, const wire::BodyForm& form)
      : json_(options.extra_body), form_(form) {
    if (!json_.empty()) common_.emplace(json_, form);
  }

  /// Calls `encode` with what is added to the body of `request`, or null. Returns an error instead
  /// if the request has members that cannot be added.
  template <class Encode>
  std::optional<Error> Encoded(const CompletionRequest& request, Encode encode) const {
    if (request.extra_body.empty()) {
      encode(common_ ? &*common_ : nullptr);
      return {};
    }
    try {
      const wire::ExtraBody own(json_, request.extra_body, form_);
      encode(&own);
      return {};
    } catch (const ConfigurationError& refused) {
      return Error{.kind = ErrorKind::kInvalidRequest, .message = refused.what()};
    }
  }

 private:
  const std::string json_;
  const wire::BodyForm form_;
  std::optional<wire::ExtraBody> common_;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_BODY_EXTRAS_H_
