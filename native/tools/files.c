/* Files: written whole or not at all, and models in folders. */
#if !defined(_WIN32) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#include "tools.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <sys/stat.h>
#include <windows.h>
#define OPEN_NEW(name, mode) _open(name, _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY, _S_IREAD | _S_IWRITE)
#define NUMBER_OF_PROCESS() _getpid()
#define close _close
#define fdopen _fdopen
#define fileno _fileno
#else
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#define OPEN_NEW(name, mode) open(name, O_WRONLY | O_CREAT | O_EXCL, mode)
#define NUMBER_OF_PROCESS() getpid()
#endif

#define MODEL_ENDING ".nlm"

void nlcd_say(const char *name, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "nlcd: %s: ", strcmp(name, "-") ? name : "standard input");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static int exists(const char *name) {
    struct stat found;
    return stat(name, &found) == 0;
}

/* 1 if the file with this status is the input. */
static int is_input_itself(const char *name, const struct stat *found, const char *input) {
#if defined(_WIN32) /* which does not number files here */
    (void)found;
    return !strcmp(name, input);
#else
    struct stat own;
    (void)name;
    return strcmp(input, "-") && stat(input, &own) == 0 && own.st_dev == found->st_dev && own.st_ino == found->st_ino;
#endif
}

int nlcd_is_taken(const char *name, const char *input, int force) {
    struct stat found;
    if (!strcmp(name, "-") || stat(name, &found) != 0)
        return 0;
    if ((found.st_mode & S_IFMT) != S_IFREG)
        nlcd_say(name, "is not a regular file; give a file name, or - for standard output");
    else if (is_input_itself(name, &found, input))
        nlcd_say(name, "is the input itself; give another output name");
    else if (!force)
        nlcd_say(name, "exists already; use --force to replace it");
    else
        return 0;
    return 1;
}

int nlcd_end_output(void) {
    static int told = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 1;
    if (!told)
        fprintf(stderr, "nlcd: standard output: cannot be written (%s); check its free space\n", strerror(errno));
    told = 1;
    return 0;
}

static int put_to_output(const nlcd_bytes *data) {
#if defined(_WIN32)
    _setmode(_fileno(stdout), _O_BINARY);
#endif
    return (fwrite(data->data, 1, data->size, stdout) == data->size) & nlcd_end_output();
}

/* Put a file that is complete in its place. Without `force` one that came to be there meanwhile stays. */
static int move(const char *from, const char *to, int force) {
#if defined(_WIN32)
    return MoveFileExA(from, to, force ? MOVEFILE_REPLACE_EXISTING : 0) != 0;
#else
    if (force)
        return rename(from, to) == 0;
    if (link(from, to) == 0) {
        unlink(from);
        return 1;
    }
    /* Some file systems have no links. */
    return errno != EEXIST && !exists(to) && rename(from, to) == 0;
#endif
}

#if !defined(_WIN32)
/* Permissions of what is made of the input: whoever may not read the one may not read the other. */
static mode_t permissions_for(const char *input) {
    struct stat found;
    return strcmp(input, "-") && stat(input, &found) == 0 ? (found.st_mode & 0777) | S_IRUSR : 0666;
}
#endif

int nlcd_write(const char *name, const nlcd_bytes *data, const char *input, int force) {
    (void)input; /* where there are no such permissions */
    if (!strcmp(name, "-"))
        return put_to_output(data);
    const size_t room = strlen(name) + 64;
    char *temporary = malloc(room);
    FILE *file = NULL;
    for (int attempt = 0; temporary && !file && attempt < 100; attempt++) {
        snprintf(temporary, room, "%s.%ld-%d.part", name, (long)NUMBER_OF_PROCESS(), attempt);
        const int made = OPEN_NEW(temporary, permissions_for(input));
        if (made >= 0 && (file = fdopen(made, "wb")) == NULL) {
            const int reason = errno;
            close(made);
            remove(temporary);
            errno = reason;
            break;
        }
        if (made < 0 && errno != EEXIST)
            break;
    }
    int good = file && fwrite(data->data, 1, data->size, file) == data->size && fflush(file) == 0;
#if !defined(_WIN32)
    good = good && fsync(fileno(file)) == 0;
#endif
    int reason = errno;
    if (file) {
        if (fclose(file) != 0) {
            reason = errno;
            good = 0;
        }
        if (good && !move(temporary, name, force)) {
            reason = errno;
            good = 0;
        }
        if (!good)
            remove(temporary);
    }
    free(temporary);
    if (!good)
        nlcd_say(name, "cannot be written (%s); check the folder, and that there is room", strerror(reason));
    return good;
}

static int is_model(const char *name) {
    const size_t length = strlen(name), ending = strlen(MODEL_ENDING);
    return length > ending && !strcmp(name + length - ending, MODEL_ENDING);
}

static char *joined(const char *folder, const char *name) {
    const size_t room = strlen(folder) + strlen(name) + 2;
    char *made = malloc(room);
    if (made)
        snprintf(made, room, "%s/%s", folder, name);
    return made;
}

/* Add a model's name to `count` of them; returns 0 and says why if it is left out. */
static int add_model(const char *folder, const char *name, char **names, size_t *count, size_t room) {
    if (*count == room) {
        nlcd_say(folder, "has more model files than nlcd looks at; give the one that is needed with --model");
        return 0;
    }
    names[*count] = joined(folder, name);
    if (!names[*count]) {
        nlcd_say(folder, "cannot be searched for models (there is not enough memory)");
        return 0;
    }
    ++*count;
    return 1;
}

size_t nlcd_models_in(const char *folder, char **names, size_t room) {
    size_t count = 0;
#if defined(_WIN32)
    WIN32_FIND_DATAA found;
    char *pattern = joined(folder, "*" MODEL_ENDING);
    HANDLE search = pattern ? FindFirstFileA(pattern, &found) : INVALID_HANDLE_VALUE;
    if (!pattern)
        nlcd_say(folder, "cannot be searched for models (there is not enough memory)");
    free(pattern);
    int more = search != INVALID_HANDLE_VALUE;
    while (more && (!is_model(found.cFileName) || add_model(folder, found.cFileName, names, &count, room)))
        more = FindNextFileA(search, &found);
    if (search != INVALID_HANDLE_VALUE)
        FindClose(search);
#else
    DIR *opened = opendir(folder);
    if (!opened) {
        if (errno != ENOENT)
            nlcd_say(folder, "cannot be searched for models (%s)", strerror(errno));
        return 0;
    }
    struct dirent *entry;
    do {
        errno = 0;
        entry = readdir(opened);
    } while (entry && (!is_model(entry->d_name) || add_model(folder, entry->d_name, names, &count, room)));
    if (!entry && errno)
        nlcd_say(folder, "cannot be searched for models (%s)", strerror(errno));
    closedir(opened);
#endif
    return count;
}
