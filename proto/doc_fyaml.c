#include "proto/doc.h"

#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/must.h"
#include "engine/model/limits.h"
#include "proto/json.h"

_Static_assert(SUNDER_DOC_BYTES_MAX == SUNDER_POLICY_BYTES_MAX, "the largest document is a policy");

#define SAME_COLUMN "lines of one list or map begin in the same column"
#define UNCLOSED "a text in quotes has no closing quote, or goes on in a line that is not indented"
#define EXPRESSION_IN_QUOTES                                                                       \
    "an expression with quotes, + or ! in it stands in double quotes, as in "                      \
    "\"'vendor/' + args.vendor\""

/* A list or a map that is open.
 * base     its first entry on the stack of entries
 * has_key  of a map: the name of the next entry is already there */
struct frame {
    enum sunder_doc_kind kind;
    uint32_t base;
    uint32_t line;
    uint32_t column;
    bool has_key;
};

/* entries  of all open lists and maps, the innermost last; moved to the arena when theirs closes */
struct builder {
    struct fy_diag *diag;
    struct fy_parser *parser;
    struct sunder_arena *arena;
    struct sunder_doc_fail *fail;
    struct sunder_doc_entry *entries;
    uint32_t entry_count;
    uint32_t entry_max;
    struct frame frames[SUNDER_DOC_DEPTH_MAX];
    uint32_t depth;
    uint32_t documents;
    uint32_t line;
    uint32_t column;
    bool has_root;
    struct sunder_doc root;
};

static enum sunder_err refuse(
    struct builder *builder, enum sunder_err err, uint32_t line, uint32_t column, const char *text)
{
    builder->fail->line = line;
    builder->fail->column = column;
    (void)snprintf(builder->fail->text, sizeof(builder->fail->text), "%s", text);
    return err;
}

static enum sunder_err no_room(struct builder *builder)
{
    return refuse(builder, SUNDER_ERR_FULL, 1, 1, "the document does not fit in memory");
}

static enum sunder_err push_entry(struct builder *builder, struct sunder_doc_entry entry)
{
    if (builder->entry_count == builder->entry_max) {
        uint32_t max = builder->entry_max == 0 ? 256 : builder->entry_max * 2;
        struct sunder_doc_entry *entries = realloc(builder->entries, max * sizeof(*entries));
        if (entries == NULL) {
            return no_room(builder);
        }
        builder->entries = entries;
        builder->entry_max = max;
    }
    builder->entries[builder->entry_count] = entry;
    builder->entry_count += 1;
    return SUNDER_OK;
}

/* Puts a finished node where it belongs: at the root, into a list, or into a map as a name or a value. */
static enum sunder_err place(struct builder *builder, struct sunder_doc node)
{
    if (builder->depth == 0) {
        builder->root = node;
        builder->has_root = true;
        return SUNDER_OK;
    }
    struct frame *frame = &builder->frames[builder->depth - 1];
    if (frame->kind == SUNDER_DOC_LIST) {
        return push_entry(builder, (struct sunder_doc_entry){.value = node});
    }
    if (frame->has_key) {
        frame->has_key = false;
        struct sunder_doc_entry *entry = &builder->entries[builder->entry_count - 1];
        if (node.line < entry->line) { /* `key:` without a value: libfyaml has no place for it. */
            node.line = entry->line;
            node.column = entry->column;
        }
        entry->value = node;
        return SUNDER_OK;
    }
    if (node.kind != SUNDER_DOC_SCALAR) {
        return refuse(builder,
            SUNDER_ERR_MALFORMED,
            node.line,
            node.column,
            "a name cannot be a list or a map");
    }
    frame->has_key = true;
    return push_entry(builder,
        (struct sunder_doc_entry){.name = node.text, .line = node.line, .column = node.column});
}

static int by_name_then_place(const void *left, const void *right)
{
    const struct sunder_doc_entry *a = *(const struct sunder_doc_entry *const *)left;
    const struct sunder_doc_entry *b = *(const struct sunder_doc_entry *const *)right;
    int order = sunder_str_compare(a->name, b->name);
    return order != 0 ? order : (a > b) - (a < b);
}

static enum sunder_err complain_of_repeat(struct builder *builder,
    const struct sunder_doc_entry *first,
    const struct sunder_doc_entry *again)
{
    builder->fail->line = again->line;
    builder->fail->column = again->column;
    (void)snprintf(builder->fail->text,
        sizeof(builder->fail->text),
        "\"%.*s\" stands twice in one map, first in line %u",
        (int)(again->name.len < 80 ? again->name.len : 80),
        again->name.at,
        (unsigned)first->line);
    return SUNDER_ERR_MALFORMED;
}

static enum sunder_err check_repeats(
    struct builder *builder, const struct sunder_doc_entry *entries, uint32_t count)
{
    if (count < 2) {
        return SUNDER_OK;
    }
    const struct sunder_doc_entry **order = malloc(count * sizeof(const struct sunder_doc_entry *));
    if (order == NULL) {
        return no_room(builder);
    }
    for (uint32_t i = 0; i < count; i++) {
        order[i] = &entries[i];
    }
    qsort(order, count, sizeof(const struct sunder_doc_entry *), by_name_then_place);
    uint32_t worst = 0; /* Index in `order` of the first repeat in the file. */
    for (uint32_t i = 1; i < count; i++) {
        bool repeat = sunder_str_equal(order[i]->name, order[i - 1]->name);
        if (repeat && (worst == 0 || order[i] < order[worst])) {
            worst = i;
        }
    }
    enum sunder_err err =
        worst == 0 ? SUNDER_OK : complain_of_repeat(builder, order[worst - 1], order[worst]);
    free(order);
    return err;
}

static enum sunder_err open_frame(
    struct builder *builder, enum sunder_doc_kind kind, uint32_t line, uint32_t column)
{
    if (builder->depth == SUNDER_DOC_DEPTH_MAX) {
        return refuse(builder, SUNDER_ERR_FULL, line, column, "lists and maps are nested too deep");
    }
    builder->frames[builder->depth] =
        (struct frame){.kind = kind, .base = builder->entry_count, .line = line, .column = column};
    builder->depth += 1;
    return SUNDER_OK;
}

static enum sunder_err close_frame(struct builder *builder)
{
    SUNDER_MUST(builder->depth > 0);
    builder->depth -= 1;
    struct frame frame = builder->frames[builder->depth];
    uint32_t count = builder->entry_count - frame.base;
    const struct sunder_doc_entry *entries =
        builder->entries == NULL ? NULL : builder->entries + frame.base;
    struct sunder_doc node = {
        .kind = frame.kind, .line = frame.line, .column = frame.column, .count = count};
    builder->entry_count = frame.base;
    if (frame.kind == SUNDER_DOC_MAP) {
        enum sunder_err err = check_repeats(builder, entries, count);
        if (err != SUNDER_OK) {
            return err;
        }
        struct sunder_doc_entry *copy =
            SUNDER_ARENA_NEW(builder->arena, struct sunder_doc_entry, count);
        if (copy == NULL) {
            return no_room(builder);
        }
        if (count != 0) {
            memcpy(copy, entries, count * sizeof(*copy));
        }
        node.entries = copy;
        return place(builder, node);
    }
    struct sunder_doc *items = SUNDER_ARENA_NEW(builder->arena, struct sunder_doc, count);
    if (items == NULL) {
        return no_room(builder);
    }
    for (uint32_t i = 0; i < count; i++) {
        items[i] = entries[i].value;
    }
    node.items = items;
    return place(builder, node);
}

static enum sunder_err add_scalar(
    struct builder *builder, struct fy_token *token, uint32_t line, uint32_t column)
{
    size_t len = 0;
    const char *text = token == NULL ? "" : fy_token_get_text(token, &len);
    if (text == NULL) {
        return no_room(builder);
    }
    struct sunder_str copy =
        sunder_str_copy(builder->arena, (struct sunder_str){text, (uint32_t)len});
    if (copy.at == NULL) {
        return no_room(builder);
    }
    enum fy_scalar_style style = token == NULL ? FYSS_PLAIN : fy_token_scalar_style(token);
    bool quoted = style != FYSS_PLAIN;
    if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && column > 1) {
        column -= 1; /* libfyaml's mark is after the quote, a node begins at it. */
    }
    return place(builder,
        (struct sunder_doc){.kind = SUNDER_DOC_SCALAR,
            .quoted = quoted,
            .line = line,
            .column = column,
            .text = copy});
}

static enum sunder_err take_event(struct builder *builder, struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark !=
        NULL) { /* What is not written, as the value of "a:", stands where the last thing stood. */
        builder->line = (uint32_t)mark->line + 1;
        builder->column = (uint32_t)mark->column + 1;
    }
    uint32_t line = builder->line;
    uint32_t column = builder->column;
    bool node = event->type == FYET_SCALAR || event->type == FYET_SEQUENCE_START ||
                event->type == FYET_MAPPING_START;
    if (node && fy_event_get_anchor_token(event) != NULL) {
        return refuse(
            builder, SUNDER_ERR_MALFORMED, line, column, "anchors (&name) are not wanted");
    }
    if (node && fy_event_get_tag_token(event) != NULL) {
        return refuse(builder,
            SUNDER_ERR_MALFORMED,
            line,
            column,
            "tags (!type) are not wanted; " EXPRESSION_IN_QUOTES);
    }
    switch (event->type) {
    case FYET_SCALAR:
        return add_scalar(builder, event->scalar.value, line, column);
    case FYET_SEQUENCE_START:
        return open_frame(builder, SUNDER_DOC_LIST, line, column);
    case FYET_MAPPING_START:
        return open_frame(builder, SUNDER_DOC_MAP, line, column);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        return close_frame(builder);
    case FYET_ALIAS:
        return refuse(
            builder, SUNDER_ERR_MALFORMED, line, column, "aliases (*name) are not wanted");
    case FYET_DOCUMENT_START:
        builder->documents += 1;
        if (builder->documents > 1) {
            return refuse(
                builder, SUNDER_ERR_MALFORMED, line, column, "a second document begins here");
        }
        return SUNDER_OK;
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
        break;
    }
    return SUNDER_OK;
}

/* What libfyaml says in its own words, and what an author does about it; the first whose words begin the message.
 * said  NULL: the library's words stay */
static const struct {
    const char *words;
    const char *said;
    const char *remedy;
} REMEDIES[] = {
    {"missing comma in flow mapping", NULL, EXPRESSION_IN_QUOTES},
    {"missing comma in flow sequence", NULL, EXPRESSION_IN_QUOTES},
    {"wrongly indented double-quoted scalar", UNCLOSED, "close it with \""},
    {"wrongly indented single-quoted scalar", UNCLOSED, "close it with '"},
    {"wrongly indented", NULL, SAME_COLUMN},
    {"wrong indendation", "wrong indentation", SAME_COLUMN},
    {"invalid tab", NULL, "indent with blanks"},
    {"did not find expected '-' indicator", NULL, SAME_COLUMN},
    {"did not find expected key", NULL, SAME_COLUMN},
    {"could not find expected ':'", NULL, "is a blank missing after a colon, as in `max:800`?"},
    {"invalid value after mapping", NULL, "is a blank missing after a colon, as in `max:800`?"},
};

/* The parser's own complaint, the first one it made. */
static enum sunder_err parser_failed(struct builder *builder)
{
    void *iterator = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(builder->diag, &iterator);
    if (error == NULL || error->msg == NULL) {
        return refuse(builder, SUNDER_ERR_MALFORMED, 1, 1, "it is no YAML");
    }
    char text[sizeof(builder->fail->text)];
    (void)snprintf(text, sizeof(text), "%s", error->msg);
    for (size_t i = 0; i < sizeof(REMEDIES) / sizeof(REMEDIES[0]); i++) {
        if (strncmp(error->msg, REMEDIES[i].words, strlen(REMEDIES[i].words)) == 0) {
            const char *said = REMEDIES[i].said == NULL ? error->msg : REMEDIES[i].said;
            (void)snprintf(text, sizeof(text), "%s; %s", said, REMEDIES[i].remedy);
            break;
        }
    }
    return refuse(builder,
        SUNDER_ERR_MALFORMED,
        error->line < 1 ? 1 : (uint32_t)error->line,
        error->column < 1 ? 1 : (uint32_t)error->column,
        text);
}

static enum sunder_err take_events(struct builder *builder)
{
    for (;;) {
        struct fy_event *event = fy_parser_parse(builder->parser);
        if (event == NULL) {
            bool failed =
                fy_parser_get_stream_error(builder->parser) || fy_diag_got_error(builder->diag);
            return failed ? parser_failed(builder) : SUNDER_OK;
        }
        enum sunder_err err = take_event(builder, event);
        fy_parser_event_free(builder->parser, event);
        if (err != SUNDER_OK) {
            return err;
        }
    }
}

/* The bytes of the character at `at`, 0 when it is not UTF-8 or a control character that no configuration has. */
static uint32_t character(struct sunder_str text, uint32_t at)
{
    uint8_t byte = (uint8_t)text.at[at];
    if (byte < 0x20) {
        return byte == '\n' || byte == '\r' || byte == '\t' ? 1 : 0;
    }
    uint32_t len = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    bool whole = len <= text.len - at;
    return whole && byte != 0x7f && sunder_json_utf8_valid((struct sunder_str){text.at + at, len})
               ? len
               : 0;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* A name apart from its value, `? name`, is nothing that a configuration needs, and libfyaml 0.7.12 follows a dangling pointer
 * when a tab comes after it (corpus: apart_tab). Whether it stands in a quoted text or a block is not looked at. */
static bool is_name_apart(struct sunder_str text, uint32_t at)
{
    if (text.at[at] != '?' || (at + 1 < text.len && !is_blank(text.at[at + 1]))) {
        return false;
    }
    do {
        if (at == 0) {
            return true;
        }
        at--;
    } while (text.at[at] == ' ' || text.at[at] == '\t');
    return is_blank(text.at[at]) || strchr("-?:", text.at[at]) != NULL;
}

static enum sunder_err check_characters(struct builder *builder, struct sunder_str text)
{
    uint32_t line = 1;
    uint32_t column = 1;
    for (uint32_t at = 0; at < text.len;) {
        uint32_t len = character(text, at);
        if (len == 0 || is_name_apart(text, at)) {
            return refuse(builder,
                SUNDER_ERR_MALFORMED,
                line,
                column,
                len == 0 ? "a byte is not UTF-8 text (the file must be UTF-8, without control "
                           "characters)"
                         : "a name apart from its value (\"? name\") is not wanted: write `name: value`");
        }
        bool newline = text.at[at] == '\n';
        line += newline ? 1 : 0;
        column = newline ? 1 : column + 1;
        at += len;
    }
    return SUNDER_OK;
}

static void drop_output(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
    (void)diag;
    (void)user;
    (void)buf;
    (void)len;
}

static enum sunder_err parse(struct builder *builder, struct sunder_str text)
{
    if (text.len > SUNDER_DOC_BYTES_MAX) {
        return refuse(builder, SUNDER_ERR_FULL, 1, 1, "the document is longer than 1 MiB");
    }
    enum sunder_err err = check_characters(builder, text);
    if (err != SUNDER_OK) {
        return err;
    }
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = drop_output;
    builder->diag = fy_diag_create(&diag_cfg);
    if (builder->diag == NULL) {
        return no_room(builder);
    }
    fy_diag_set_collect_errors(builder->diag, true);
    const struct fy_parse_cfg cfg = {
        .flags = FYPCF_QUIET | FYPCF_JSON_NONE | FYPCF_DEFAULT_VERSION_1_2, .diag = builder->diag};
    builder->parser = fy_parser_create(&cfg);
    if (builder->parser == NULL || fy_parser_set_string(builder->parser, text.at, text.len) != 0) {
        return no_room(builder);
    }
    err = take_events(builder);
    if (err == SUNDER_OK && !builder->has_root) {
        return refuse(builder, SUNDER_ERR_MALFORMED, 1, 1, "the document is empty");
    }
    return err;
}

enum sunder_err sunder_doc_parse(struct sunder_str text,
    struct sunder_arena *arena,
    struct sunder_doc *ret_root,
    struct sunder_doc_fail *ret_fail)
{
    const struct sunder_str mark =
        SUNDER_STR("\xef\xbb\xbf"); /* Some editors begin with a byte order mark. */
    if (sunder_str_starts_with(text, mark)) {
        text.at += mark.len;
        text.len -= mark.len;
    }
    struct sunder_doc_fail fail = {0};
    struct builder builder = {.arena = arena, .fail = &fail, .line = 1, .column = 1};
    enum sunder_err err =
        text.len == 0 ? refuse(&builder, SUNDER_ERR_MALFORMED, 1, 1, "the document is empty")
                      : parse(&builder, text);
    if (builder.parser != NULL) {
        fy_parser_destroy(builder.parser);
    }
    if (builder.diag != NULL) {
        fy_diag_destroy(builder.diag);
    }
    free(builder.entries);
    if (err != SUNDER_OK) {
        *ret_fail = fail;
        return err;
    }
    *ret_root = builder.root;
    return SUNDER_OK;
}
