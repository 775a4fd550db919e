// SPDX-License-Identifier: Apache-2.0
#include "workers/sandbox_steps.hpp"

namespace optimilter {

std::string_view sandbox_step_name(SandboxStep step) {
    switch (step) {
        case SandboxStep::kNamespaces:
            return "network and IPC namespaces";
        case SandboxStep::kEmptyRoot:
            return "empty root directory";
        case SandboxStep::kUser:
            return "user and group of its own";
        case SandboxStep::kCapabilities:
            return "no capabilities";
        case SandboxStep::kNoNewPrivileges:
            return "no new privileges";
        case SandboxStep::kLandlock:
            return "Landlock";
        case SandboxStep::kParentDeath:
            return "death with the zygote";
        case SandboxStep::kLimits:
            return "resource limits";
        case SandboxStep::kSystemCalls:
            return "system call filter";
    }
    return "unknown step";
}

std::vector<std::string> sandbox_step_names(std::uint32_t bits) {
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < kSandboxStepCount; ++i) {
        const auto step = static_cast<SandboxStep>(i);
        if ((bits & sandbox_bit(step)) != 0) names.emplace_back(sandbox_step_name(step));
    }
    return names;
}

std::string_view failed_sandbox_step(int exit_status) {
    const int step = exit_status - kSandboxExitStatus;
    if (step < 0 || step >= static_cast<int>(kSandboxStepCount)) return {};
    return sandbox_step_name(static_cast<SandboxStep>(step));
}

}  // namespace optimilter
