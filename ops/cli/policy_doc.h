/* A policy file as it is written: its text and its document tree, for commands that talk about rules. Shell; one thread. */
#pragma once

#include <stdio.h>

#include "engine/base/err.h"
#include "engine/model/doc.h"

struct sunder_policy_doc;

/* SUNDER_ERR_IO, SUNDER_ERR_INVALID (no YAML), SUNDER_ERR_FULL: told in *reterr_fail. */
SUNDER_MUST_USE enum sunder_err sunder_policy_doc_open(
    const char *path, struct sunder_policy_doc **ret_doc, struct sunder_fail *reterr_fail);
void sunder_policy_doc_destroy(struct sunder_policy_doc **doc);

const struct sunder_doc *sunder_policy_doc_root(const struct sunder_policy_doc *doc);

/* The value of a name in a map; NULL: no map, or no such name. */
const struct sunder_doc *sunder_doc_member(const struct sunder_doc *map, const char *name);
/* The text of a scalar member; absent without one. */
struct sunder_str sunder_doc_member_text(const struct sunder_doc *map, const char *name);

/* What kind of rule a rule's map is, and its name: its first key of separation, distinct, requires, sequence, limit, gate and
 * condition. False: it is no rule. */
bool sunder_doc_rule(
    const struct sunder_doc *rule, struct sunder_str *ret_kind, struct sunder_str *ret_name);

/* The rule of this name; NULL: there is none. */
const struct sunder_doc *sunder_policy_doc_rule(
    const struct sunder_policy_doc *doc, struct sunder_str name);

/* Prints the lines of an item of `rules` with their numbers, indented. */
void sunder_policy_doc_excerpt(
    const struct sunder_policy_doc *doc, const struct sunder_doc *rule, FILE *out);

/* Prints lines of the file as they are, from `first` (1-based) to before `end`. */
void sunder_policy_doc_lines(
    const struct sunder_policy_doc *doc, uint32_t first, uint32_t end, FILE *out);
