#ifndef SETTINGS_H
#define SETTINGS_H

#include <stddef.h>

// Reads the operator's settings: a JSON object whose only setting is `label`. Gives NULL, or what is wrong,
// in words for the operator.
const char *read_settings(const char *json, size_t length, const char **label);

#endif
