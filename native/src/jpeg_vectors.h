/* Eight numbers of 16 bits at once: SSE2, which every 64-bit x86 has, or plain C, to the same bits. */
#ifndef NLC_JPEG_VECTORS_H
#define NLC_JPEG_VECTORS_H

#include "level/target.h"

/* A function that is not to be repeated where it is called. */
#if defined(__GNUC__)
#define NLC_ALONE __attribute__((noinline))
#else
#define NLC_ALONE __declspec(noinline)
#endif

#define NLC_VECTOR_ODDS 2047 /* the limit of stretched chances */

/* A build may ask for plain C, to be compared. */
#if !defined(NLC_PLAIN_VECTORS) && NLC_X86_64
#include "jpeg_vectors_sse2.h"
#else
#include "jpeg_vectors_plain.h"
#endif

#endif
