/* The CPU levels: which this build has, and which the machine. */
#include "core.h"
#include "cpu.h"
#include "level/target.h"

extern const nlc_kernels nlc_plain_kernels;
#if NLC_X86_64
extern const nlc_kernels nlc_avx2_kernels, nlc_avx_vnni_kernels, nlc_vnni_kernels, nlc_amx_kernels;
#elif NLC_ARM64
extern const nlc_kernels nlc_neon_kernels, nlc_dotprod_kernels;
#elif NLC_WASM_SIMD128
extern const nlc_kernels nlc_wasm_kernels;
#endif

/* The kernels of each level that this build has. */
static const nlc_kernels *const built[NLC_LEVELS] = {
    [NLC_PLAIN] = &nlc_plain_kernels,
#if NLC_HAS_AVX2
    [NLC_AVX2] = &nlc_avx2_kernels,
#endif
#if NLC_HAS_AVX_VNNI
    [NLC_AVX_VNNI] = &nlc_avx_vnni_kernels,
#endif
#if NLC_HAS_VNNI
    [NLC_VNNI] = &nlc_vnni_kernels,
#endif
#if NLC_HAS_AMX
    [NLC_AMX] = &nlc_amx_kernels,
#endif
#if NLC_ARM64
    [NLC_NEON] = &nlc_neon_kernels,
#endif
#if NLC_HAS_DOTPROD
    [NLC_DOTPROD] = &nlc_dotprod_kernels,
#endif
#if NLC_WASM_SIMD128
    [NLC_WASM] = &nlc_wasm_kernels,
#endif
};

static const char *const names[NLC_LEVELS] = {"plain", "avx2", "avxvnni", "vnni", "amx", "neon", "dotprod", "wasm"};

const char *nlc_level_name(int level) { return level >= 0 && level < NLC_LEVELS ? names[level] : NULL; }

const nlc_kernels *nlc_kernels_of(int level) {
    return level >= 0 && level < NLC_LEVELS && built[level] && nlc_cpu_supports(level) ? built[level] : NULL;
}

int nlc_level_available(int level) { return nlc_kernels_of(level) != NULL; }

/* Levels are numbered from slow to fast on each kind of machine. */
int nlc_best_level(void) {
    int level = NLC_LEVELS - 1;
    while (!nlc_level_available(level)) /* the plain level always is */
        level--;
    return level;
}
