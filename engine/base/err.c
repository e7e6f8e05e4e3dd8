#include "engine/base/err.h"

#include "engine/base/must.h"

const char *sunder_err_text(enum sunder_err err)
{
    static const char *const texts[] = {
#define SUNDER_ERR_TEXT(code, class, text) text,
        SUNDER_ERR_LIST(SUNDER_ERR_TEXT)
#undef SUNDER_ERR_TEXT
    };
    SUNDER_MUST(err < SUNDER_ERR_COUNT);
    return texts[err];
}

enum sunder_err_class sunder_err_class(enum sunder_err err)
{
    static const enum sunder_err_class classes[] = {
#define SUNDER_ERR_CLASS(code, class, text) SUNDER_ERR_CLASS_##class,
        SUNDER_ERR_LIST(SUNDER_ERR_CLASS)
#undef SUNDER_ERR_CLASS
    };
    SUNDER_MUST(err < SUNDER_ERR_COUNT);
    return classes[err];
}
