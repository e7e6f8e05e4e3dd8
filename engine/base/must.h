/* Assertions that stay on in every build: for our own bugs only, never for foreign input.
 * After varnish's VAS_Fail_Func: the failure handler is replaceable, so that tests can catch it.
 * Thread: any; the hook is set before threads start. */
#pragma once

#ifdef __cplusplus
extern "C" { /* The two C++ adapters in proto/ see base headers. */
#endif

typedef void sunder_must_hook_fn(const char *expr, const char *file, int line);

extern sunder_must_hook_fn *sunder_must_hook; /* NULL in production. */

/* Calls the hook, if any, then abort(). */
__attribute__((noreturn)) void sunder_must_fail(const char *expr, const char *file, int line);

#ifdef __cplusplus
}
#endif

#define SUNDER_MUST(expr) ((expr) ? (void)0 : sunder_must_fail(#expr, __FILE__, __LINE__))
