// SPDX-License-Identifier: Apache-2.0
//
// The steps by which zygote and worker shut themselves in, in the order they are taken, by number and name:
// the zygote reports by number which ones its kernel lacks, the engine logs them by name. What each step does
// is in workers/sandbox.hpp. Thread safe: constants.
#pragma once

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace optimilter {

// The numbers are part of the zygote protocol and of the exit status: append only.
enum class SandboxStep : std::uint8_t {
    kNamespaces = 0,
    kEmptyRoot = 1,
    kUser = 2,
    kCapabilities = 3,
    kNoNewPrivileges = 4,
    kLandlock = 5,
    kParentDeath = 6,
    kLimits = 7,
    kSystemCalls = 8,
};
constexpr std::uint32_t kSandboxStepCount = 9;

// The three stages, each in the order in which its steps are taken.
constexpr SandboxStep kStepsBeforeLibraries[] = {SandboxStep::kNamespaces};
constexpr SandboxStep kStepsBeforeForks[] = {SandboxStep::kEmptyRoot, SandboxStep::kUser,
                                             SandboxStep::kCapabilities, SandboxStep::kNoNewPrivileges,
                                             SandboxStep::kLandlock};
constexpr SandboxStep kStepsInWorker[] = {SandboxStep::kParentDeath, SandboxStep::kLimits,
                                          SandboxStep::kSystemCalls};
static_assert(std::size(kStepsBeforeLibraries) + std::size(kStepsBeforeForks) + std::size(kStepsInWorker) ==
              kSandboxStepCount);

constexpr std::uint32_t kAllSandboxSteps = (1u << kSandboxStepCount) - 1;

// A zygote or worker that cannot take a step it must take ends with this exit status plus the step's number.
constexpr int kSandboxExitStatus = 100;

constexpr std::uint32_t sandbox_bit(SandboxStep step) {
    return 1u << static_cast<unsigned>(step);
}

// "network and IPC namespaces", ...
std::string_view sandbox_step_name(SandboxStep step);
// The names of all steps whose bit is set.
std::vector<std::string> sandbox_step_names(std::uint32_t bits);
// The step whose failure an exit status tells, in words; empty when it tells none.
std::string_view failed_sandbox_step(int exit_status);

}  // namespace optimilter
