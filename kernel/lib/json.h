/* SPDX-License-Identifier: BSD-2-Clause
 * A JSON writer. Each call writes its text at once, without buffering. The writer adds the commas
 * and closes open levels, so that every line is one complete object.
 *
 *     struct json j;
 *     json_begin(&j, call->out);               {
 *     json_string(&j, "port", "port0");        "port":"port0"
 *     json_array(&j, "lanes");                 ,"lanes":[
 *     json_u64(&j, NULL, 7);                   7
 *     json_end(&j);                            ]
 *     json_line(&j);                           }\n
 *
 * Pure. Inside an object each value has a name; inside an array the name is NULL.
 */
#ifndef KERNEL_LIB_JSON_H
#define KERNEL_LIB_JSON_H

#include "kernel/lib/out.h"

#define JSON_DEPTH_MAX 16u

struct json {
    const struct out *out;
    unsigned depth;     /* of open objects and arrays; the outermost object is level 1 */
    uint32_t is_array;  /* bit per level */
    uint32_t has_value; /* bit per level: the next value is preceded by a comma */
};

/* Open the outermost object. */
void json_begin(struct json *j, const struct out *out);
/* Values. A NULL text is written as null. Bytes that are not ASCII are escaped as Latin-1. */
void json_string(struct json *j, const char *name, const char *text);
void json_u64(struct json *j, const char *name, uint64_t value);
void json_bool(struct json *j, const char *name, bool value);
/* Open an object or an array inside; json_end closes the innermost one. At more than JSON_DEPTH_MAX
 * levels, which is a programming error, null is written instead, and the values meant for the new
 * level go into the current one. */
void json_object(struct json *j, const char *name);
void json_array(struct json *j, const char *name);
void json_end(struct json *j);
/* Close all open levels and end the line. */
void json_line(struct json *j);

#endif
