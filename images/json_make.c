/*
 * Documents that are made or changed here, over cJSON.
 */
#include "images/json.h"

#include <cjson/cJSON.h>

struct cJSON *json_make_object(void)
{
	return cJSON_CreateObject();
}

struct cJSON *json_make_array(void)
{
	return cJSON_CreateArray();
}

struct cJSON *json_make_text(const char *text)
{
	return cJSON_CreateString(text);
}

struct cJSON *json_make_number(uint64_t number)
{
	return cJSON_CreateNumber((double)number);
}

struct cJSON *json_make_raw(const char *text)
{
	return cJSON_CreateRaw(text);
}

struct cJSON *json_copy(const struct cJSON *json)
{
	return cJSON_Duplicate(json, true);
}

int json_set(struct cJSON *object, const char *key, struct cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
	if (value && cJSON_AddItemToObject(object, key, value))
		return 0;
	cJSON_Delete(value);
	return -1;
}

int json_append(struct cJSON *array, struct cJSON *value)
{
	if (value && cJSON_AddItemToArray(array, value))
		return 0;
	cJSON_Delete(value);
	return -1;
}

char *json_print(const struct cJSON *json)
{
	return cJSON_PrintUnformatted(json);
}
