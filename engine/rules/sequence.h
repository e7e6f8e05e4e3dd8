/* Sequences (S18): what they keep of each fact, and which of them an act may complete. Pure; the view's thread. */
#pragma once

#include "engine/rules/judge.h"
#include "engine/policy/rule_marks.h"

/* The key of a series: the key itself, or task and key where the rule looks within a task. Lives in the arena; absent: no room. */
struct sunder_str sunder_sequence_key(struct sunder_arena *arena, bool in_task, uint32_t task, struct sunder_str key);

/* Whether the act matches a step: it has the duty, or carries or gains the label. */
bool sunder_judge_does_step(const struct sunder_judge *judge, const struct sunder_sequence_step *step);

/* Adds the sequences whose last step is a label that the act carries or gains. */
void sunder_judge_mark_labels(const struct sunder_judge *judge, struct sunder_rule_marks *marks);
