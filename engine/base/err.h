/* Error codes of every Sunder module, each with a class that tells the shell what to do with it.
 * Pure values; any thread. Deny is a value of a decision, never an error. */
#pragma once

#define SUNDER_MUST_USE __attribute__((warn_unused_result))

/* What the shell does with an error of this class:
 *   INPUT    foreign bytes or files are wrong: dead letter, or a message with file:line
 *   RETRY    try the same call again
 *   FENCED   another node took over: abort, rejoin
 *   FULL     a bound is reached: fail closed
 *   CORRUPT  stored data contradicts itself: stop this partition and rebuild it from the log */
enum sunder_err_class {
    SUNDER_ERR_CLASS_OK,
    SUNDER_ERR_CLASS_INPUT,
    SUNDER_ERR_CLASS_RETRY,
    SUNDER_ERR_CLASS_FENCED,
    SUNDER_ERR_CLASS_FULL,
    SUNDER_ERR_CLASS_CORRUPT,
};

/* code, class, text */
#define SUNDER_ERR_LIST(X)                                                                         \
    X(OK, OK, "no error")                                                                          \
    X(NOT_FOUND, INPUT, "not found")                                                               \
    X(MALFORMED, INPUT, "the bytes are not what they should be")                                   \
    X(UNSUPPORTED, INPUT, "this build does not support it")                                        \
    X(INVALID, INPUT, "a value is outside its range")                                              \
    X(RETRY, RETRY, "not possible right now")                                                      \
    X(FENCED, FENCED, "another node has taken over")                                               \
    X(FULL, FULL, "a bound is reached")                                                            \
    X(IO, CORRUPT, "the operating system reports an error")                                        \
    X(CORRUPT, CORRUPT, "stored data contradicts itself")

enum sunder_err {
#define SUNDER_ERR_ENUM(code, class, text) SUNDER_ERR_##code,
    SUNDER_ERR_LIST(SUNDER_ERR_ENUM)
#undef SUNDER_ERR_ENUM
    SUNDER_ERR_COUNT
};

#define SUNDER_OK SUNDER_ERR_OK

/* One sentence without a full stop; a static string. */
const char *sunder_err_text(enum sunder_err err);
enum sunder_err_class sunder_err_class(enum sunder_err err);

/* What a shell function (store, consumers, ops) tells beside its code. Written on failure only.
 * vendor  the foreign library's own code, 0 if none
 * text    one sentence for the operator, zero-terminated, cut to fit */
struct sunder_fail {
    enum sunder_err code;
    int vendor;
    char text[240];
};
