/* The CPU levels: which this build has, and which the machine. */
#include "core.h"
#include "level/target.h"

extern const nlc_kernels nlc_plain_kernels;
#if NLC_X86_64
extern const nlc_kernels nlc_vnni_kernels, nlc_avx2_kernels;
#endif

static const char *const names[NLC_LEVELS] = {"plain", "avx2", "avxvnni", "vnni", "amx", "neon", "dotprod"};

const char *nlc_level_name(int level) { return level >= 0 && level < NLC_LEVELS ? names[level] : NULL; }

const nlc_kernels *nlc_kernels_of(int level) { 
#if NLC_X86_64
 if(level==NLC_VNNI) return &nlc_vnni_kernels;
 if(level==NLC_AVX2) return &nlc_avx2_kernels;
#endif
return level==NLC_PLAIN ? &nlc_plain_kernels : NULL; }
int nlc_level_available(int level){ return nlc_kernels_of(level)!=NULL; }
int nlc_best_level(void){return NLC_VNNI;}
