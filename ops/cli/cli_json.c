#include "ops/cli/cli_json.h"

static void escaped(FILE *out, struct sunder_str text)
{
    uint32_t from = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        fwrite(text.at + from, 1, i - from, out);
        from = i + 1;
        if (c == '"' || c == '\\') {
            fputc('\\', out);
            fputc(c, out);
        } else if (c == '\n') {
            fputs("\\n", out);
        } else {
            fprintf(out, "\\u%04x", c);
        }
    }
    fwrite(text.at + from, 1, text.len - from, out);
}

void sunder_cli_json_strings(FILE *out, struct sunder_str first, struct sunder_str second)
{
    fputc('"', out);
    if (first.len > 0) {
        escaped(out, first);
    }
    if (second.len > 0) {
        escaped(out, second);
    }
    fputc('"', out);
}

void sunder_cli_json_string(FILE *out, struct sunder_str text)
{
    sunder_cli_json_strings(out, text, (struct sunder_str){0});
}
