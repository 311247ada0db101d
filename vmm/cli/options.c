/*
 * Command-line options as data. The arguments are the user's own; a wrong one is named in the
 * error.
 */
#include "vmm/cli/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/number.h"
#include "vmm/base/text_list.h"
#include "vmm/cli/suggest.h"

struct parser {
	const struct program *program;
	const struct verb *verb;
	int argc;
	char **argv;
	int next; /* the argument that is looked at next */
	void *target;
	size_t offset; /* in it, of the struct that the option found last fills */
	bool *help;
};

const struct verb *verb_find(const struct program *program, const char *name)
{
	for (const struct verb *verb = program->verbs; verb->name; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}

const struct option_spec *verb_option(const struct verb *verb, size_t i, size_t *offset)
{
	const struct option_group *more = verb->more;

	*offset = 0;
	if (i < verb->option_count)
		return &verb->options[i];
	i -= verb->option_count;
	if (!more || i >= more->count)
		return NULL;
	*offset = more->offset;
	return &more->options[i];
}

/* The option with this long name, or if that is NULL with this letter. */
static const struct option_spec *find(struct parser *parser, const char *name, size_t length,
				      char letter)
{
	const struct option_spec *option;

	for (size_t i = 0; (option = verb_option(parser->verb, i, &parser->offset)); i++)
		if (name
			? strlen(option->name) == length && strncmp(option->name, name, length) == 0
			: option->letter == letter)
			return option;
	return NULL;
}

static int add_to_list(struct text_list *list, const char *value, struct error *err)
{
	const char **grown = realloc(list->items, (list->count + 2) * sizeof(*grown));

	if (!grown)
		return error_set(err, ENOMEM, "too many options");
	grown[list->count++] = value;
	grown[list->count] = NULL;
	list->items = grown;
	return 0;
}

static int store(const struct option_spec *option, void *target, const char *value,
		 struct error *err)
{
	void *field = (char *)target + option->offset;

	switch (option->kind) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)field = value;
		return 0;
	case OPTION_LIST:
		return add_to_list(field, value, err);
	case OPTION_NUMBER:
		if (number_parse(value, field) < 0 || *(uint64_t *)field == 0)
			return error_set(err, 0, "--%s %s: a whole number above 0 is expected",
					 option->name, value);
		return 0;
	case OPTION_SIZE:
		if (number_parse_size(value, field) < 0 || *(uint64_t *)field == 0)
			return error_set(err, 0, "--%s %s: a size such as 512M or 2G is expected",
					 option->name, value);
		return 0;
	case OPTION_DECIMAL:
		if (number_parse_thousandths(value, field) < 0 || *(uint64_t *)field == 0)
			return error_set(err, 0, "--%s %s: a number such as 2 or 0.5 is expected",
					 option->name, value);
		return 0;
	}
	return error_set(err, 0, "--%s cannot be used", option->name);
}

static int take_value(struct parser *parser, const struct option_spec *option, const char *value,
		      struct error *err)
{
	if (option->kind != OPTION_FLAG && !value) {
		if (parser->next == parser->argc)
			return error_set(err, 0, "--%s needs a value: %s", option->name,
					 option->argument);
		value = parser->argv[parser->next++];
	}
	return store(option, (char *)parser->target + parser->offset, value, err);
}

static int refuse_name(const struct parser *parser, const char *text, size_t length,
		       struct error *err)
{
	const struct verb *verb = parser->verb;
	const struct option_group *elsewhere = verb->elsewhere;
	const struct option_spec *option;
	size_t offset;

	for (size_t i = 0; elsewhere && i < elsewhere->count; i++)
		if (strlen(elsewhere->options[i].name) == length &&
		    strncmp(elsewhere->options[i].name, text, length) == 0)
			return error_set(err, 0, "--%s is %s", elsewhere->options[i].name,
					 elsewhere->heading);
	for (size_t i = 0; (option = verb_option(verb, i, &offset)); i++)
		if (suggest_fits(text, length, option->name))
			return error_set(err, 0,
					 "%s has no option --%.*s (did you mean --%s?); %s %s "
					 "--help shows what there is",
					 verb->name, (int)length, text, option->name,
					 parser->program->command, verb->name);
	return error_set(err, 0, "%s has no option --%.*s; %s %s --help shows what there is",
			 verb->name, (int)length, text, parser->program->command, verb->name);
}

static int refuse_letter(const struct parser *parser, char letter, struct error *err)
{
	const struct option_group *elsewhere = parser->verb->elsewhere;

	for (size_t i = 0; elsewhere && i < elsewhere->count; i++)
		if (elsewhere->options[i].letter == letter)
			return error_set(err, 0, "-%c is %s", letter, elsewhere->heading);
	return error_set(err, 0, "%s has no option -%c; %s %s --help shows what there is",
			 parser->verb->name, letter, parser->program->command, parser->verb->name);
}

static int parse_long(struct parser *parser, const char *text, struct error *err)
{
	size_t length = strcspn(text, "=");
	const char *value = text[length] ? text + length + 1 : NULL;
	const struct option_spec *option = find(parser, text, length, 0);

	if (strcmp(text, "help") == 0) {
		*parser->help = true;
		return 0;
	}
	if (!option)
		return refuse_name(parser, text, length, err);
	if (option->kind == OPTION_FLAG && value)
		return error_set(err, 0, "--%s takes no value", option->name);
	return take_value(parser, option, value, err);
}

static int parse_cluster(struct parser *parser, const char *letters, struct error *err)
{
	for (; *letters; letters++) {
		const struct option_spec *option = find(parser, NULL, 0, *letters);

		if (*letters == 'h' && !option) {
			*parser->help = true;
			continue;
		}
		if (!option)
			return refuse_letter(parser, *letters, err);
		if (option->kind != OPTION_FLAG)
			return take_value(parser, option, letters[1] ? letters + 1 : NULL, err);
		if (store(option, (char *)parser->target + parser->offset, NULL, err) < 0)
			return -1;
	}
	return 0;
}

int options_parse(const struct program *program, const struct verb *verb, int *argc, char **argv,
		  void *target, bool *help, struct error *err)
{
	struct parser parser = { .program = program,
				 .verb = verb,
				 .argc = *argc,
				 .argv = argv,
				 .next = 1,
				 .target = target,
				 .help = help };
	int kept = 1;

	*help = false;
	while (parser.next < *argc) {
		char *text = argv[parser.next];
		int status;

		if (text[0] != '-' || !text[1]) {
			if (verb->options_first)
				break;
			argv[kept++] = text;
			parser.next++;
			continue;
		}
		parser.next++;
		if (strcmp(text, "--") == 0)
			break;
		status = text[1] == '-' ? parse_long(&parser, text + 2, err)
					: parse_cluster(&parser, text + 1, err);
		if (status < 0)
			return -1;
	}
	while (parser.next < *argc)
		argv[kept++] = argv[parser.next++];
	argv[kept] = NULL;
	*argc = kept;
	return 0;
}

void options_free(const struct verb *verb, void *target)
{
	const struct option_spec *option;
	size_t offset;

	for (size_t i = 0; (option = verb_option(verb, i, &offset)); i++)
		if (option->kind == OPTION_LIST)
			free(
			    ((struct text_list *)(void *)((char *)target + offset + option->offset))
				->items);
}

struct option_writer {
	int (*put)(void *context, const struct option_spec *option, const char *text);
	void *context;
};

static int write_value(const struct option_writer *writer, const struct option_spec *option,
		       const char *value)
{
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "--%s=%s", option->name, value) < 0) {
		text = NULL;
		return -1;
	}
	return writer->put(writer->context, option, text);
}

static int write_list(const struct option_writer *writer, const struct option_spec *option,
		      const struct text_list *list)
{
	int result = 0;

	for (unsigned i = 0; i < list->count && result == 0; i++)
		result = write_value(writer, option, list->items[i]);
	return result;
}

static int write_option(const struct option_writer *writer, const struct option_spec *option,
			const void *field)
{
	uint64_t value;
	char text[64];

	switch (option->kind) {
	case OPTION_FLAG:
		if (!*(const bool *)field)
			return 0;
		(void)snprintf(text, sizeof(text), "--%s", option->name);
		return writer->put(writer->context, option, text);
	case OPTION_TEXT:
		return *(const char *const *)field
			   ? write_value(writer, option, *(const char *const *)field)
			   : 0;
	case OPTION_LIST:
		return write_list(writer, option, field);
	case OPTION_NUMBER:
	case OPTION_SIZE:
	case OPTION_DECIMAL:
		break;
	}
	value = *(const uint64_t *)field;
	if (!value)
		return 0;
	if (option->kind == OPTION_DECIMAL)
		(void)snprintf(text, sizeof(text), "%" PRIu64 ".%03u", value / 1000,
			       (unsigned)(value % 1000));
	else
		(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	return write_value(writer, option, text);
}

int options_write(const struct verb *verb, const void *target,
		  int (*put)(void *context, const struct option_spec *option, const char *text),
		  void *context)
{
	const struct option_writer writer = { put, context };
	const struct option_spec *option;
	size_t offset;

	for (size_t i = 0; (option = verb_option(verb, i, &offset)); i++) {
		int result =
		    write_option(&writer, option, (const char *)target + offset + option->offset);

		if (result)
			return result;
	}
	return 0;
}
