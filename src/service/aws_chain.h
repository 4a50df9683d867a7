// The default chain of AWS credentials, blocking.
#ifndef LLMLOAD_SRC_SERVICE_AWS_CHAIN_H_
#define LLMLOAD_SRC_SERVICE_AWS_CHAIN_H_

#include <atomic>

#include "llmload/provider/error.h"
#include "llmload/service/aws_credentials.h"

namespace llmload {

/// Asks each source in its order. Returns early when `stop` is set.
Result<AwsCredentials> FetchAwsCredentials(const AwsCredentialOptions& options,
                                           const std::atomic<bool>& stop);

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_AWS_CHAIN_H_
