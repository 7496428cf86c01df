/* The CPU levels: which this build has, and which the machine. */
#include "core.h"
#include "level/target.h"

extern const nlc_kernels nlc_plain_kernels;
#if NLC_X86_64
extern const nlc_kernels nlc_vnni_kernels;
#endif

static const char *const names[NLC_LEVELS] = {"plain", "avx2", "avxvnni", "vnni", "amx", "neon", "dotprod"};

const char *nlc_level_name(int level) { return level >= 0 && level < NLC_LEVELS ? names[level] : NULL; }

static int supported(int level){
#if NLC_X86_64
 return level==NLC_PLAIN || level==NLC_VNNI;
#endif
 return level==NLC_PLAIN; }

const nlc_kernels *nlc_kernels_of(int level) { 
if(!supported(level)) return NULL;
#if NLC_X86_64
 if(level==NLC_VNNI) return &nlc_vnni_kernels;
#endif
return &nlc_plain_kernels; }
int nlc_level_available(int level){ return nlc_kernels_of(level)!=NULL; }
int nlc_best_level(void){return NLC_VNNI;}
