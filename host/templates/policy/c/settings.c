#include "settings.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// What is left to read.
typedef struct {
  const char *at, *end;
} text_t;

static bool is_next(text_t *text, char wanted) {
  while (text->at < text->end && strchr(" \t\r\n", *text->at) != NULL) text->at++;
  if (text->at == text->end || *text->at != wanted) return false;
  text->at++;
  return true;
}

static bool hexadecimal(text_t *text, uint32_t *number) {
  *number = 0;
  for (int digit = 0; digit < 4; digit++, text->at++) {
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = text->at < text->end && *text->at != 0 ? strchr(digits, *text->at) : NULL;
    if (found == NULL) return false;
    *number = *number << 4 | (uint32_t)((found - digits) & 15);
  }
  return true;
}

static char *utf8(char *to, uint32_t code) {
  if (code < 0x80) {
    *to++ = (char)code;
  } else if (code < 0x800) {
    *to++ = (char)(0xc0 | code >> 6);
    *to++ = (char)(0x80 | (code & 63));
  } else if (code < 0x10000) {
    *to++ = (char)(0xe0 | code >> 12);
    *to++ = (char)(0x80 | (code >> 6 & 63));
    *to++ = (char)(0x80 | (code & 63));
  } else {
    *to++ = (char)(0xf0 | code >> 18);
    *to++ = (char)(0x80 | (code >> 12 & 63));
    *to++ = (char)(0x80 | (code >> 6 & 63));
    *to++ = (char)(0x80 | (code & 63));
  }
  return to;
}

// A JSON string, or NULL if what is next is none. One with a zero in it counts as none.
static char *string(text_t *text) {
  if (!is_next(text, '"')) return NULL;
  // What is written with an escape is never shorter than what it stands for.
  char *read = malloc((size_t)(text->end - text->at) + 1), *to = read;
  if (read == NULL) abort();
  while (text->at < text->end && *text->at != '"') {
    char next = *text->at++;
    if (next != '\\') {
      *to++ = next;
      continue;
    }
    if (text->at == text->end) return NULL;
    char escape = *text->at++;
    if (escape == 'u') {
      uint32_t code, low;
      if (!hexadecimal(text, &code) || code == 0) return NULL;
      if (code >= 0xd800 && code < 0xe000) {
        // Two halves make one character.
        if (code >= 0xdc00 || text->end - text->at < 2 || text->at[0] != '\\' || text->at[1] != 'u') return NULL;
        text->at += 2;
        if (!hexadecimal(text, &low) || low < 0xdc00 || low >= 0xe000) return NULL;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      }
      to = utf8(to, code);
      continue;
    }
    static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *found = escape != 0 ? strchr(escapes, escape) : NULL;
    if (found == NULL) return NULL;
    *to++ = meant[found - escapes];
  }
  if (text->at == text->end) return NULL;
  text->at++;
  *to = 0;
  return read;
}

static const char *unknown(const char *name) {
  static const char before[] = "there is no setting `", after[] = "`; there is `label`";
  char *text = malloc(sizeof before + strlen(name) + sizeof after);
  if (text == NULL) abort();
  return strcat(strcat(strcpy(text, before), name), after);
}

const char *read_settings(const char *json, size_t length, const char **label) {
  text_t text = {json, json + length};
  if (!is_next(&text, '{')) return "the settings are not a table of names and values";
  if (is_next(&text, '}')) return NULL;
  do {
    const char *name = string(&text);
    if (name == NULL || !is_next(&text, ':')) return "the settings are not valid JSON";
    if (strcmp(name, "label") != 0) return unknown(name);
    const char *value = string(&text);
    if (value == NULL || *value == 0) return "setting `label`: it must be a text that is not empty";
    *label = value;
  } while (is_next(&text, ','));
  return is_next(&text, '}') ? NULL : "the settings are not valid JSON";
}
