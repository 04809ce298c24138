// A minimal JSON writer for the guests: one object per line, into one buffer, no allocation that could fail
// late. The guests report over a virtio port and must not depend on anything of the root they stand in.
#ifndef FULCRUM_JSON_H
#define FULCRUM_JSON_H
#include <stddef.h>

// Starts a record line: {"record":"NAME". Fields follow, jsonEnd closes it.
void jsonBegin(const char *record);
void jsonText(const char *key, const char *value);            // "key":"value", escaped; NULL becomes null
void jsonBytes(const char *key, const char *value, size_t n); // the same for bytes that may hold NULs
void jsonNumber(const char *key, long long value);
void jsonHex(const char *key, unsigned long long value);      // as a string "0x…": exact beyond 2^53
void jsonListBegin(const char *key);
void jsonListText(const char *value);
void jsonListEnd(void);
void jsonEnd(void);

// What was written so far; jsonReset forgets it.
const char *jsonData(size_t *length);
void jsonReset(void);
#endif
