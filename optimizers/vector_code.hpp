// SPDX-License-Identifier: Apache-2.0
//
// For loops that are compiled twice: as the compiler was told for all code, and for machines with AVX2, which
// are known when the program runs. The loop is an OPTIMILTER_INLINE function; two thin ones call it, the
// second an OPTIMILTER_AVX2. Both give the same: whole numbers, or sums in one order without fused
// multiplications, which AVX2 alone does not allow the compiler.
#pragma once

// Inlined into a function for one kind of machine, a loop becomes code for that.
#define OPTIMILTER_INLINE __attribute__((always_inline)) inline

#if defined(__x86_64__)
#define OPTIMILTER_AVX2 __attribute__((target("avx2")))

namespace optimilter {

inline bool has_avx2() {
    static const bool has = __builtin_cpu_supports("avx2") != 0;
    return has;
}

}  // namespace optimilter
#endif
