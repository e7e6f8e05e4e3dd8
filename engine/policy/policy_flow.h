/* Private to engine/policy: labels, and effects further down. Pure. */
#pragma once

#include "engine/policy/policy_read.h"

/* Whether the text is a label; complains. */
bool policy_read_label(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_str text);
/* `labels` and `gains` of an entry: one label or a list, sorted. */
bool policy_read_labels(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_strs *ret_labels);
/* `causes` of an entry: a list, which may be empty. */
void policy_read_causes(
    struct policy_compile *c, const struct sunder_doc *doc, struct sunder_catalogue_entry *entry);
/* What duties cause in the end (S23), from the `causes` of all entries. */
void policy_compile_effects(struct policy_compile *c);
/* Acts that say nothing of their effects, where others do; labels that no rule looks at. */
void policy_check_flow(struct policy_compile *c);
/* Whether an act by this entry may serve a step of the sequence. */
bool policy_does_step(const struct sunder_rule *rule, const struct sunder_catalogue_entry *entry);
/* Steps of a sequence that nothing in the catalogue serves. */
void policy_check_steps(struct policy_compile *c, const struct policy_draft *draft);
