/* What the files that decode pixels share: what was asked for, and the records that are under way. */
#ifndef NLC_REQUEST_H
#define NLC_REQUEST_H

#include "decoder.h"

/* A record that is to be decoded, and where its samples go: planar, until they are placed. */
typedef struct {
    size_t tile;
    int group, finished;
    const nlc_record *record;
    nlc_shape shape;
    void *samples;
} nlc_job;

/* What nelloc_decode was asked for. */
typedef struct {
    nelloc_decoder *d;
    nelloc_region region;
    int format, allow_damaged, preview;
    uint8_t *pixels;
    size_t stride;
    nlc_job *jobs; /* of a batch of tiles */
    size_t job_count;
    uint8_t *left; /* of each tile of the batch: groups that are not yet placed */
    size_t first_tile;
    nlc_past past; /* the JPEG that the image was, once it is asked for */
} nlc_request;

/* Put a job's samples, as far as they are wanted, into the caller's memory: place.c. Of a tile that is under way, the
 * tile `number` of `walk`, those that are known; otherwise `walk` is NULL. */
void nlc_place(const nlc_request *r, const nlc_job *work, const nlc_walk *walk, size_t number);

/* Fill what a damaged record leaves empty: magenta, mid-gray, opaque, or 0 of indices and bits. */
void nlc_mark(const nlc_request *r, const nlc_job *work);

/* Decode all jobs of a batch, and place them: records.c. `works` has room for as many. */
int nlc_decode_records(nlc_request *r, nlc_job **works);

/* The pixels of the JPEG file that the file holds, a task of a request: kept.c. */
int nlc_decode_kept(nelloc_decoder *decoder, void *request);

#endif
