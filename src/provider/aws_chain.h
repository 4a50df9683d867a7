// The default chain of AWS credentials, blocking.
#ifndef LLMLOAD_PROVIDER_AWS_CHAIN_H_
#define LLMLOAD_PROVIDER_AWS_CHAIN_H_

#include <atomic>

#include "llmload/core/error.h"
#include "llmload/provider/aws_credentials.h"

namespace llmload {

/// Asks each source in its order. Gives up early when `stop` is set.
Result<AwsCredentials> FetchAwsCredentials(const AwsCredentialOptions& options,
                                           const std::atomic<bool>& stop);

}  // namespace llmload

#endif  // LLMLOAD_PROVIDER_AWS_CHAIN_H_
