/* Every bound of the engine, each with its reason. One file for engine and oracle: the oracle reads the #defines of this
 * file as text, so a value is a plain decimal number on the line of its name (SEMANTICS S31). */
#pragma once

/* Shape of one event: an event beyond these is answered `limit_reached` (stage 1) and takes no state. */
#define SUNDER_EVENT_BYTES_MAX 262144   /* Whole record value; Kafka's own default is 1 MiB. */
#define SUNDER_EVENT_DEPTH_MAX 32       /* Nesting of JSON; deeper documents are hostile. */
#define SUNDER_IDENTIFIER_BYTES_MAX 256 /* S42. */
#define SUNDER_DELEGATION_MAX 16        /* Claimed delegators in one event. */
#define SUNDER_OBJECTS_MAX 64 /* Claimed objects in one event: a payroll run names its employees. */
#define SUNDER_LABELS_MAX 32  /* Labels claimed in one event. */
#define SUNDER_PARENTS_MAX 16 /* S16. */
#define SUNDER_TASK_DUTIES_MAX 64  /* Duties that one task or delegation names. */
#define SUNDER_TASK_AGENTS_MAX 64  /* Agents that one task names. */
#define SUNDER_DOMAIN_FIELDS_MAX 6 /* Attributes of an event that a domain may be made of (S2). */
#define SUNDER_DECIMAL_CHARS_MAX                                                                   \
    64 /* Characters of an amount as written; its exponent is within +-64. */

/* Shape of one judgement: an intent beyond these is denied `limit_reached` (stage 7). */
#define SUNDER_CHAIN_MAX 32           /* Delegators of one intent, recorded and claimed. */
#define SUNDER_EDGES_MAX 64           /* Recorded delegation edges that lead to one agent. */
#define SUNDER_INTENT_OBJECTS_MAX 128 /* Claimed and derived objects of one intent. */
#define SUNDER_INTENT_CASES_MAX                                                                    \
    64 /* Cases of one intent, those found through objects and task included. */
#define SUNDER_INTENT_DUTIES_MAX 32 /* Duties of one intent. */
#define SUNDER_INTENT_RULE_TEXTS_MAX                                                               \
    12288 /* Bytes of the keys and values that rules take of one intent, 4 more for each: its record
                                              fits a row of 64 KiB with all objects and cases. */
#define SUNDER_INTENT_EVALUATIONS_MAX                                                              \
    4096 /* Evaluations of rules' expressions that one intent may cost, reckoned before any: most
                                              take less than a microsecond. */
#define SUNDER_INTENT_PAIRS_MAX                                                                    \
    16384 /* Pairs of subject and key at which one intent makes the other rules look, reckoned as well: each
                                            takes less than a microsecond. */
#define SUNDER_INTENT_UNITS_MAX                                                                    \
    1000000 /* Units that they may spend together on loops and texts, up to 20 milliseconds; then each
                                            errors. */
#define SUNDER_KEY_CASES_MAX 64 /* Open cases bound to one object or one task. */

/* Labels (S16): what one task, agent or credential keeps. One row of state each, read and written by every act of its holder, so the row has to stay small. */
#define SUNDER_HOLDER_LABELS_MAX                                                                   \
    64 /* A policy seldom has more than ten; a row of full-length labels still fits. */
#define SUNDER_LABEL_ORIGINS_MAX                                                                   \
    16 /* Facts that a label came from: the latest ones, as in the evidence of a limit. */
#define SUNDER_CREDENTIAL_AGENTS_MAX                                                               \
    16 /* Agents seen with one credential that a finding names; two are one too many. */

/* Time */
#define SUNDER_HORIZON_MS_DEFAULT 604800000 /* S7: 7 days. */

/* Evidence of a limit: the latest facts. S19. */
#define SUNDER_LIMIT_EVIDENCE_MAX 16

/* Policy */
#define SUNDER_POLICY_BYTES_MAX 1048576
#define SUNDER_POLICY_RULES_MAX                                                                    \
    16384 /* Rules are numbered in 16 bits, and those above SUNDER_SPACE_RULE name spaces of keys. */
#define SUNDER_POLICY_DUTIES_MAX 4096
#define SUNDER_POLICY_CATALOGUE_MAX 8192
#define SUNDER_POLICY_ENTITLE_MAX 4096
#define SUNDER_RULE_DUTIES_MAX 64    /* Duties named by one rule: a bit set fits one word. */
#define SUNDER_SEQUENCE_STEPS_MAX 16 /* Steps of one sequence; a person follows fewer. */
#define SUNDER_EXPR_CHARS_MAX 4096
#define SUNDER_EXPR_NODES_MAX 1024
#define SUNDER_EXPR_DEPTH_MAX 32 /* Nesting of brackets, calls and `? :`. */
#define SUNDER_EXPR_HEIGHT_MAX                                                                     \
    96 /* And of chains like a - b - c or a.b.c on top: how deep the compiler recurses. */
#define SUNDER_EXPR_STRING_MAX 4096 /* Bytes of a string that an expression makes. */
#define SUNDER_EXPR_SCRATCH_MAX                                                                    \
    65536 /* Bytes of all strings and lists that one evaluation makes. */
#define SUNDER_EXPR_LOOPS_MAX                                                                      \
    2 /* Nesting of all, exists, exists_one, filter and map: each multiplies. */
#define SUNDER_EXPR_UNITS_MAX                                                                      \
    10000 /* Static worst case of one expression, in instructions: about 15 microseconds. */
#define SUNDER_EXPR_HISTORY_UNITS                                                                  \
    500 /* What a question to the history counts in it: rows to find and read. */
#define SUNDER_EXPR_LIST_SIZE                                                                      \
    64 /* Elements that the worst case reckons with for a list of an event; a longer one runs on fuel. */
#define SUNDER_EXPR_ARG_BYTES 4096 /* Bytes that it reckons with for a text below args. */
#define SUNDER_EXPR_FUEL_FACTOR 4  /* Fuel of one evaluation: so often the worst case, */
#define SUNDER_EXPR_FUEL_MIN                                                                       \
    4096 /* and so much besides. Out of fuel is an error, and fails closed. */

/* would_allow (G7) */
#define SUNDER_WOULD_ALLOW_TRIALS_MAX 64 /* Judgements that one search may cost; */
#define SUNDER_WOULD_ALLOW_EVALUATIONS                                                             \
    256 /* for each so many evaluations of rules' expressions one counts as one more. */
