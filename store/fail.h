/* Fills a struct sunder_fail: code, vendor code, one sentence. Thread: any. */
#pragma once

#include <stdarg.h>
#include <stdio.h>

#include "engine/base/err.h"

/* Gives `code` back, so that a failing function can return it at once. */
__attribute__((format(printf, 4, 5))) static inline enum sunder_err sunder_fail_set(
    struct sunder_fail *fail, enum sunder_err code, int vendor, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail->code = code;
    fail->vendor = vendor;
    (void)vsnprintf(fail->text, sizeof(fail->text), format, args);
    va_end(args);
    return code;
}
