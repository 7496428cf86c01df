#include "json.h"

#include <string.h>

/* Values inside of others, at most, in what is skipped. */
#define DEEPEST 32

static int refuse(nlc_json *json) {
    json->bad = 1;
    return 0;
}

char nlc_json_peek(nlc_json *json) {
    while (json->at < json->end && strchr(" \t\r\n", *json->at) && *json->at)
        json->at++;
    return json->at < json->end && !json->bad ? *json->at : 0;
}

static int read_character(nlc_json *json, char wanted) {
    if (nlc_json_peek(json) != wanted)
        return refuse(json);
    json->at++;
    return 1;
}

int nlc_json_begin(nlc_json *json, char opening) { return read_character(json, opening); }

int nlc_json_more(nlc_json *json, char closing, size_t *count) {
    if (nlc_json_peek(json) == closing) {
        json->at++;
        return 0;
    }
    if (*count && !read_character(json, ','))
        return 0;
    ++*count;
    return json->at < json->end ? !json->bad : refuse(json);
}

/* Four hexadecimal digits. */
static int read_code(nlc_json *json, uint32_t *code) {
    *code = 0;
    for (int k = 0; k < 4; k++) {
        const char digit = json->at < json->end ? *json->at++ : 0;
        if (digit >= '0' && digit <= '9')
            *code = *code << 4 | (uint32_t)(digit - '0');
        else if ((digit | 32) >= 'a' && (digit | 32) <= 'f')
            *code = *code << 4 | (uint32_t)((digit | 32) - 'a' + 10);
        else
            return refuse(json);
    }
    return 1;
}

/* Add a byte to a text that is cut off where there is no more room. */
static void add(char *text, size_t room, size_t *length, uint32_t byte) {
    if (*length + 1 < room)
        text[(*length)++] = (char)byte;
}

static void add_code(char *text, size_t room, size_t *length, uint32_t code) {
    if (code < 0x80) {
        add(text, room, length, code);
        return;
    }
    if (code < 0x800) {
        add(text, room, length, 0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            add(text, room, length, 0xe0 | code >> 12);
        } else {
            add(text, room, length, 0xf0 | code >> 18);
            add(text, room, length, 0x80 | (code >> 12 & 63));
        }
        add(text, room, length, 0x80 | (code >> 6 & 63));
    }
    add(text, room, length, 0x80 | (code & 63));
}

/* What follows a backslash. */
static int read_escape(nlc_json *json, char *text, size_t room, size_t *length) {
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char name = json->at < json->end ? *json->at++ : 0;
    const char *found = name ? strchr(names, name) : NULL;
    if (found) {
        add(text, room, length, (unsigned char)meant[found - names]);
        return 1;
    }
    uint32_t code, low;
    if (name != 'u' || !read_code(json, &code))
        return refuse(json);
    if (code >> 10 == 0xd800 >> 10) { /* the first of a pair of surrogates */
        if (json->end - json->at < 2 || json->at[0] != '\\' || json->at[1] != 'u')
            return refuse(json);
        json->at += 2;
        if (!read_code(json, &low) || low >> 10 != 0xdc00 >> 10)
            return refuse(json);
        code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
    } else if (code >> 10 == 0xdc00 >> 10 || !code) {
        return refuse(json);
    }
    add_code(text, room, length, code);
    return 1;
}

int nlc_json_string(nlc_json *json, char *text, size_t room) {
    size_t length = 0;
    if (!read_character(json, '"'))
        return 0;
    while (json->at < json->end) {
        const unsigned char byte = (unsigned char)*json->at++;
        if (byte == '"') {
            if (room)
                text[length] = 0;
            return 1;
        }
        if (byte < 0x20)
            break;
        if (byte != '\\')
            add(text, room, &length, byte);
        else if (!read_escape(json, text, room, &length))
            return 0;
    }
    return refuse(json);
}

int nlc_json_name(nlc_json *json, char *text, size_t room) {
    return nlc_json_string(json, text, room) && read_character(json, ':');
}

static int is_digit(const nlc_json *json) { return json->at < json->end && *json->at >= '0' && *json->at <= '9'; }

int nlc_json_integer(nlc_json *json, int64_t *number) {
    const int negative = nlc_json_peek(json) == '-';
    json->at += negative;
    if (!is_digit(json))
        return refuse(json);
    const int zero = *json->at == '0';
    int64_t found = 0;
    for (int digits = 0; is_digit(json); digits++) {
        if (digits == 18 || (zero && digits))
            return refuse(json);
        found = 10 * found + (*json->at++ - '0');
    }
    if (json->at < json->end && strchr(".eE", *json->at) && *json->at)
        return refuse(json);
    *number = negative ? -found : found;
    return 1;
}

int nlc_json_word(nlc_json *json, const char *word) {
    const size_t length = strlen(word);
    nlc_json_peek(json);
    if (json->bad || (size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0)
        return 0;
    json->at += length;
    return 1;
}

/* A number of any form. */
static int skip_number(nlc_json *json) {
    const char *start = json->at;
    while (json->at < json->end && *json->at && strchr("+-.0123456789eE", *json->at))
        json->at++;
    return json->at > start ? 1 : refuse(json);
}

static int skip(nlc_json *json, int depth) {
    size_t count = 0;
    const char first = nlc_json_peek(json);
    if (first == '"')
        return nlc_json_string(json, NULL, 0);
    if (first == '{' || first == '[') {
        const char closing = first == '{' ? '}' : ']';
        if (depth == DEEPEST)
            return refuse(json);
        json->at++;
        while (nlc_json_more(json, closing, &count))
            if ((first == '{' && !nlc_json_name(json, NULL, 0)) || !skip(json, depth + 1))
                return 0;
        return json->bad ? 0 : 1;
    }
    if (nlc_json_word(json, "true") || nlc_json_word(json, "false") || nlc_json_word(json, "null"))
        return 1;
    return skip_number(json);
}

int nlc_json_skip(nlc_json *json) { return skip(json, 0); }
