// The fault campaign in virtual time.
#ifndef LLMLOAD_TESTS_SUPPORT_VIRTUAL_CAMPAIGN_H_
#define LLMLOAD_TESTS_SUPPORT_VIRTUAL_CAMPAIGN_H_

#include <cstdint>
#include <functional>
#include <string>

#include "tests/support/fault_campaign.h"

namespace llmload {

/// The time line of the virtual campaign for one seed: the seed moves the fault against the phase
/// of the arrivals and of the breaker's waiting times.
CampaignTiming VirtualTiming(std::uint64_t seed);

/// The time line with the longest outage that any seed gives: for bounds over several seeds.
CampaignTiming LongestVirtualTiming();

/// One run in virtual time, a function of scenario and seed. With `log`, everything that happens is
/// logged; what happens is the same. The log is on the run's own clock: give a function that keeps
/// what it needs of it.
CampaignRun RunVirtually(const std::string& scenario, std::uint64_t seed,
                         const std::function<void(const simulation::EventLog&)>& with_log = {});

}  // namespace llmload

#endif  // LLMLOAD_TESTS_SUPPORT_VIRTUAL_CAMPAIGN_H_
