/* Which machine this is, and how a file says what instructions its functions may use. */
#ifndef NLC_TARGET_H
#define NLC_TARGET_H

#include <stdint.h>

#if defined(__x86_64__) || (defined(_M_X64) && !defined(_M_ARM64EC))
#define NLC_X86_64 1
#else
#define NLC_X86_64 0
#endif

#if (defined(__aarch64__) && !defined(__AARCH64EB__)) || defined(_M_ARM64)
#define NLC_ARM64 1
#else
#define NLC_ARM64 0
#endif

#if defined(__wasm_simd128__)
#define NLC_WASM_SIMD128 1
#else
#define NLC_WASM_SIMD128 0
#endif

#define NLC_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define NLC_TARGET_BEGIN(instructions) \
    NLC_PRAGMA(clang attribute push(__attribute__((target(instructions))), apply_to = function))
#define NLC_TARGET_END NLC_PRAGMA(clang attribute pop)
#elif defined(__GNUC__)
#define NLC_TARGET_BEGIN(instructions) NLC_PRAGMA(GCC push_options) NLC_PRAGMA(GCC target(instructions))
#define NLC_TARGET_END NLC_PRAGMA(GCC pop_options)
#else /* MSVC has all instructions everywhere */
#define NLC_TARGET_BEGIN(instructions)
#define NLC_TARGET_END
#endif

/* Before a loop that sums products of 16-bit integers: Clang multiplies them in pairs only if it takes 8 at a time. It
 * warns where it cannot, as with sanitizers. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed"
#define NLC_EIGHT_AT_A_TIME NLC_PRAGMA(clang loop vectorize_width(8) interleave_count(1))
#else
#define NLC_EIGHT_AT_A_TIME
#endif

/* Levels that the compiler knows the instructions of; the others are left out. */
#if defined(__clang__)
#define NLC_KNOWN_SINCE(gcc, clang, msvc) (__clang_major__ >= (clang))
#elif defined(__GNUC__)
#define NLC_KNOWN_SINCE(gcc, clang, msvc) (__GNUC__ >= (gcc))
#elif defined(_MSC_VER)
#define NLC_KNOWN_SINCE(gcc, clang, msvc) (_MSC_VER >= (msvc))
#else
#define NLC_KNOWN_SINCE(gcc, clang, msvc) 0
#endif
/* A build may leave levels out, to be small. */
#ifndef NLC_LEAVE_OUT_AVX_VNNI
#define NLC_LEAVE_OUT_AVX_VNNI 0
#endif
#ifndef NLC_LEAVE_OUT_AVX512
#define NLC_LEAVE_OUT_AVX512 0
#endif
#define NLC_HAS_AVX2 (NLC_X86_64 && NLC_KNOWN_SINCE(5, 4, 1900))
#define NLC_HAS_AVX_VNNI (NLC_X86_64 && !NLC_LEAVE_OUT_AVX_VNNI && NLC_KNOWN_SINCE(11, 12, 1930))
#define NLC_HAS_VNNI (NLC_X86_64 && !NLC_LEAVE_OUT_AVX512 && NLC_KNOWN_SINCE(8, 7, 1920))
#define NLC_HAS_AMX (NLC_HAS_VNNI && NLC_KNOWN_SINCE(11, 12, 1940))

/* Old versions of Clang know the dot product only where all code may use it. */
#if NLC_ARM64 && (!defined(__clang__) || __clang_major__ >= 16 || defined(__ARM_FEATURE_DOTPROD))
#define NLC_HAS_DOTPROD 1
#else
#define NLC_HAS_DOTPROD 0
#endif
#if defined(__clang__)
#define NLC_DOTPROD_TARGET "dotprod"
#else
#define NLC_DOTPROD_TARGET "arch=armv8.2-a+dotprod"
#endif

#if NLC_X86_64 && (defined(__GNUC__) || defined(__clang__))
/* XCR0, without asking the compiler for the instructions to save registers. */
static inline uint64_t nlc_xgetbv(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
#define NLC_XGETBV() nlc_xgetbv()
#elif NLC_X86_64
#include <intrin.h>
#define NLC_XGETBV() _xgetbv(0)
#endif

/* Memory at an address is what instructions read that the compiler does not know to read all of it. */
#if defined(__GNUC__)
#define NLC_IS_READ(address) __asm__ volatile("" : : "r"(address) : "memory")
#else
#define NLC_IS_READ(address) ((void)(address))
#endif

/* A condition that is hardly ever true: code for it is put out of the way. */
#if defined(__GNUC__)
#define NLC_RARELY(condition) __builtin_expect(!!(condition), 0)
#else
#define NLC_RARELY(condition) (condition)
#endif

#if defined(__GNUC__)
#define NLC_INLINE static inline __attribute__((always_inline))
#else
#define NLC_INLINE static __forceinline
#endif

#endif
