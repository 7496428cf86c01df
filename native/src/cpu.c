/* Asking the processor and the operating system what they allow. Nothing is kept: asking takes a microsecond. */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* for syscall() */
#endif
#include "cpu.h"

#include "core.h"
#include "level/target.h"

#if NLC_X86_64
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif NLC_ARM64
#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(_WIN32)
#include <windows.h>
#endif
#endif

#if NLC_X86_64
enum { EAX, EBX, ECX, EDX };

static void cpuid(uint32_t leaf, uint32_t part, uint32_t found[4]) {
#if defined(_MSC_VER)
    int registers[4];
    __cpuidex(registers, (int)leaf, (int)part);
    memcpy(found, registers, sizeof registers);
#else
    __cpuid_count(leaf, part, found[EAX], found[EBX], found[ECX], found[EDX]);
#endif
}

/* The registers that the operating system saves: bits of XCR0. */
enum {
    SAVES_AVX = 0x6,    /* XMM and the upper halves of YMM */
    SAVES_AVX512 = 0xe6, /* with mask registers and ZMM */
    SAVES_TILES = 0x600e6
};

static uint64_t saved_registers(void) {
    uint32_t found[4];
    cpuid(1, 0, found);
    if (!(found[ECX] >> 27 & 1)) /* XGETBV may not be used */
        return 0;
    return NLC_XGETBV();
}

static int all_set(uint32_t word, uint32_t bits) { return (word & bits) == bits; }
static int all_saved(uint64_t registers) { return (saved_registers() & registers) == registers; }

/* Leaf 7: extended features. 0 where it does not exist. */
static void features(uint32_t part, uint32_t found[4]) {
    cpuid(0, 0, found);
    const int exists = found[EAX] >= 7;
    memset(found, 0, 4 * sizeof *found);
    if (!exists)
        return;
    cpuid(7, 0, found);
    if (part && found[EAX] < part)
        memset(found, 0, 4 * sizeof *found);
    else if (part)
        cpuid(7, part, found);
}

static int has_avx2(void) {
    uint32_t found[4];
    features(0, found);
    return all_set(found[EBX], 1u << 5) && all_saved(SAVES_AVX);
}

static int has_avx_vnni(void) {
    uint32_t found[4];
    features(1, found);
    return all_set(found[EAX], 1u << 4) && has_avx2();
}

static int has_avx512_vnni(void) {
    uint32_t found[4];
    features(0, found);
    const uint32_t f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
    return all_set(found[EBX], f | dq | bw | vl) && all_set(found[ECX], 1u << 11) && all_saved(SAVES_AVX512);
}

/* Linux lends the tile registers to a process that asks for them. */
static int may_use_tiles(void) {
#if defined(__linux__) && defined(SYS_arch_prctl)
    const long request = 0x1023 /* ARCH_REQ_XCOMP_PERM */, tile_data = 18;
    return syscall(SYS_arch_prctl, request, tile_data) == 0;
#else
    return 0;
#endif
}

static int has_amx(void) {
    uint32_t found[4];
    features(0, found);
    const uint32_t tile = 1u << 24, int8 = 1u << 25;
    return all_set(found[EDX], tile | int8) && has_avx512_vnni() && all_saved(SAVES_TILES) && may_use_tiles();
}

int nlc_cpu_supports(int level) {
    switch (level) {
    case NLC_PLAIN: return 1;
    case NLC_AVX2: return has_avx2();
    case NLC_AVX_VNNI: return has_avx_vnni();
    case NLC_VNNI: return has_avx512_vnni();
    case NLC_AMX: return has_amx();
    default: return 0;
    }
}

#elif NLC_ARM64

static int has_dot_product(void) {
#if defined(__ARM_FEATURE_DOTPROD)
    return 1;
#elif defined(__linux__)
    return (getauxval(AT_HWCAP) >> 20 & 1) != 0; /* HWCAP_ASIMDDP */
#elif defined(__APPLE__)
    int found = 0;
    size_t size = sizeof found;
    return sysctlbyname("hw.optional.arm.FEAT_DotProd", &found, &size, NULL, 0) == 0 && found;
#elif defined(_WIN32)
    return IsProcessorFeaturePresent(43) != 0; /* PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE */
#else
    return 0;
#endif
}

/* Every 64-bit ARM processor has NEON. */
int nlc_cpu_supports(int level) {
    return level == NLC_PLAIN || level == NLC_NEON || (level == NLC_DOTPROD && has_dot_product());
}

#else

/* WebAssembly runs only where it has what it is compiled for. */
int nlc_cpu_supports(int level) { return level == NLC_PLAIN || level == NLC_WASM; }

#endif
