/* What the processor and the operating system allow. */
#ifndef NLC_CPU_H
#define NLC_CPU_H

/* 1 if the machine can run what a level's kernels use, else 0, whatever this build has. */
int nlc_cpu_supports(int level);

#endif
