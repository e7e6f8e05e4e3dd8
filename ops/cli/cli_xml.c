#include "ops/cli/cli_xml.h"

void sunder_xml_write(FILE *out, struct sunder_str text)
{
    for (uint32_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        switch (c) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\n':
            fputs("&#10;", out);
            break;
        default:
            fputc((c < 0x20 && c != '\t') || c == 0x7F ? '?' : c, out);
            break;
        }
    }
}
