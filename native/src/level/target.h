/* Which machine this is, and how a file says what instructions its functions may use. */
#ifndef NLC_TARGET_H
#define NLC_TARGET_H

#if defined(__x86_64__) || (defined(_M_X64) && !defined(_M_ARM64EC))
#define NLC_X86_64 1
#else
#define NLC_X86_64 0
#endif

#if (defined(__aarch64__) && defined(__LITTLE_ENDIAN__)) || (defined(__aarch64__) && !defined(__AARCH64EB__)) || defined(_M_ARM64)
#define NLC_ARM64 1
#else
#define NLC_ARM64 0
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

#if defined(__GNUC__)
#define NLC_INLINE static inline __attribute__((always_inline))
#else
#define NLC_INLINE static __forceinline
#endif

#endif
