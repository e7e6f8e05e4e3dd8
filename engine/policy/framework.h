/* Control frameworks: whether a rule's tag `framework:id` names something that exists (frameworks.def). Tags of a framework of one's
 * own begin with `x-`, as in `x-acme.sox:C-12`, and are not looked up. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/str.h"

struct sunder_framework {
    struct sunder_str label;   /* as in tags: "nist.800-53" */
    struct sunder_str title;
    struct sunder_str version; /* of the framework, whose ids these are */
};

/* One control that has a title here. */
struct sunder_control {
    struct sunder_str label;
    struct sunder_str id;
    struct sunder_str title;
};

/* All of them; static. */
const struct sunder_framework *sunder_frameworks(uint32_t *ret_count);
const struct sunder_control *sunder_controls(uint32_t *ret_count);

enum sunder_tag {
    SUNDER_TAG_OK,
    SUNDER_TAG_SHAPE,     /* not `framework:id` */
    SUNDER_TAG_FRAMEWORK, /* no framework of that name */
    SUNDER_TAG_ID,        /* the framework has no such id */
};

/* Judges a tag.
 *   ret_meant  FRAMEWORK and ID: the framework's label or the id that was meant, absent when none is near; else absent */
enum sunder_tag sunder_tag_check(struct sunder_str tag, struct sunder_str *ret_meant);
