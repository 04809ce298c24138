// The JSON writer of the guests, see json.h. Bytes that are not ASCII are written as \u00XX: what the kernel
// hands out (argv, environment, paths) need not be UTF-8, and the host must see every byte.
#include "json.h"
#include <stdio.h>
#include <string.h>

static char buffer[4 << 20];
static size_t used;
static int comma;

static void put(const char *text, size_t n) {
  if (used + n >= sizeof buffer) return;
  memcpy(buffer + used, text, n);
  used += n;
}

static void putText(const char *text) { put(text, strlen(text)); }

static void putEscaped(const char *text, size_t n) {
  putText("\"");
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)text[i];
    char escaped[8];
    if (c == '"' || c == '\\') { escaped[0] = '\\'; escaped[1] = (char)c; put(escaped, 2); }
    else if (c < 0x20 || c >= 0x7f) put(escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", c));
    else put((const char *)&text[i], 1);
  }
  putText("\"");
}

static void putKey(const char *key) {
  if (comma) putText(",");
  comma = 1;
  putEscaped(key, strlen(key));
  putText(":");
}

void jsonBegin(const char *record) { putText("{"); comma = 0; jsonText("record", record); }
void jsonEnd(void) { putText("}\n"); }

void jsonBytes(const char *key, const char *value, size_t n) { putKey(key); putEscaped(value, n); }

void jsonText(const char *key, const char *value) {
  if (value != NULL) { jsonBytes(key, value, strlen(value)); return; }
  putKey(key);
  putText("null");
}

void jsonNumber(const char *key, long long value) {
  char text[32];
  putKey(key);
  put(text, (size_t)snprintf(text, sizeof text, "%lld", value));
}

void jsonHex(const char *key, unsigned long long value) {
  char text[32];
  snprintf(text, sizeof text, "0x%llx", value);
  jsonText(key, text);
}

void jsonListBegin(const char *key) { putKey(key); putText("["); comma = 0; }
void jsonListText(const char *value) {
  if (comma) putText(",");
  comma = 1;
  putEscaped(value, strlen(value));
}
void jsonListEnd(void) { putText("]"); comma = 1; }

const char *jsonData(size_t *length) { *length = used; return buffer; }
void jsonReset(void) { used = 0; }
