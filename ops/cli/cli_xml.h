/* Text of XML: what SVG and JUnit reports are made of. Thread: any, as the FILE allows. */
#pragma once

#include <stdio.h>

#include "engine/base/str.h"

/* Writes text as XML has it, in attributes too. Control characters, which XML cannot have, become '?'. */
void sunder_xml_write(FILE *out, struct sunder_str text);
