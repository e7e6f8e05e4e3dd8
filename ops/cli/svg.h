/* The chain behind a decision as a picture: a lane per agent, the acts along time, and below them each rule that put them
 * together. One self-contained SVG. Shell; one thread. */
#pragma once

#include <stdio.h>

#include "ops/cli/render.h"

/* find looks up acts that are evidence, for what the lanes say about them. */
void sunder_svg_decision(
    FILE *out, const struct sunder_render_story *story, const struct sunder_decision *decision);
