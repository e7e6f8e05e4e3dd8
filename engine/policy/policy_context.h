/* What a policy says beside its catalogue and rules: which context an act must bring, who may do what at all, where the policy
 * only watches, and rates between currencies. Parts of struct sunder_policy (policy.h). Pure; any thread may read. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/expr/expr.h"
#include "engine/model/decision.h"
#include "engine/model/event.h"

/* Index of a duty in `duties` of the policy: duties are numbered in byte order of their names, so ids sort as names. */
struct sunder_duty_id {
    uint16_t value;
};
#define SUNDER_DUTY_NONE ((struct sunder_duty_id){UINT16_MAX})

/* Fields that an act must bring; what applies is united (S20, Reading 21). */
struct sunder_require {
    sunder_field_set always;
    sunder_field_set tier[SUNDER_TIER_HIGH + 1];
    const sunder_field_set *duty; /* by duty id; NULL: no duty asks for anything */
};

/* One line of `entitle` (S21).
 * who      identities; one that ends in `*` stands for any rest
 * objects  prefixes; none: every object */
struct sunder_entitlement {
    struct sunder_strs who;
    struct sunder_strs objects;
    const struct sunder_duty_id *duties;
    uint32_t duty_count;
};

/* given  false: anybody may do anything that no rule forbids
 * lines  indices into `at`; those of duty d stand from first[d] up to first[d + 1] */
struct sunder_entitle {
    bool given;
    const struct sunder_entitlement *at; /* file order */
    uint32_t count;
    const uint16_t *lines;
    const uint32_t *first;
};

/* One line of `scopes` (S29). */
struct sunder_scope_rule {
    const struct sunder_expr *match;
    enum sunder_scope_mode mode;
};

struct sunder_scopes {
    const struct sunder_scope_rule *at; /* file order */
    uint32_t count;
};

/* A table of rates: one unit of `currency` is `micro` millionths of a unit of `to`. */
struct sunder_rate {
    struct sunder_str currency;
    int64_t micro;
};

struct sunder_rates {
    struct sunder_str name;
    struct sunder_str to;
    const struct sunder_rate *at; /* byte order of currencies; without `to` itself */
    uint32_t count;
};
