/* JSON, read in order: what the header of a model file is written in (RFC 8259).
 *
 * Functions return 0 and set `bad` for what is not there. Nothing is kept: strings are handed out or copied.
 */
#ifndef NLC_JSON_H
#define NLC_JSON_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *at, *end;
    int bad;
} nlc_json;

/* Read the beginning of an object, '{', or an array, '['. */
int nlc_json_begin(nlc_json *json, char opening);

/* Whether another member or element follows, or the end: '}' or ']', which is then read. `count` is what came
 * before. */
int nlc_json_more(nlc_json *json, char closing, size_t *count);

/* Read a string into `text`, which has room for `room` bytes with a 0 at the end; a longer one is cut off there. */
int nlc_json_string(nlc_json *json, char *text, size_t room);

/* Read a member's name and the colon. */
int nlc_json_name(nlc_json *json, char *text, size_t room);

/* Read an integer without fraction or exponent. */
int nlc_json_integer(nlc_json *json, int64_t *number);

/* Read `word` (true, false, null) if that is what follows. */
int nlc_json_word(nlc_json *json, const char *word);

/* The first character of what follows, 0 at the end. */
char nlc_json_peek(nlc_json *json);

/* Read any value. */
int nlc_json_skip(nlc_json *json);

#endif
