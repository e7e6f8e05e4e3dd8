#include "engine/base/must.h"

#include <stddef.h>

_Noreturn void abort(void); /* The one name of the C library's heap header that the core needs. */

sunder_must_hook_fn *sunder_must_hook = NULL;

void sunder_must_fail(const char *expr, const char *file, int line)
{
    if (sunder_must_hook != NULL) {
        sunder_must_hook(expr, file, line);
    }
    abort();
}
