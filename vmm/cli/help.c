/*
 * Help texts and the bash completion, from the tables of verbs and options.
 */
#include "vmm/cli/help.h"

#include <stdio.h>
#include <string.h>

enum { OPTION_COLUMN = 26 };

void help_print_verbs(void)
{
	printf("usage: nacelle VERB [OPTIONS] ...\n\n"
	       "Runs container pods, each in a virtual machine of its own.\n\nverbs:\n");
	for (const struct verb *verb = verbs; verb->name; verb++)
		printf("  %-12s %s\n", verb->name, verb->help);
	printf("\nnacelle VERB --help explains a verb; the manual is nacelle(1).\n");
}

void help_print_verb(const struct verb *verb)
{
	printf("usage: nacelle %s %s\n\n%s.\n", verb->name, verb->usage, verb->help);
	printf("\noptions:\n");
	for (size_t i = 0; i < verb->option_count; i++) {
		const struct option_spec *option = &verb->options[i];
		char left[64];

		(void)snprintf(left, sizeof(left), "%c%c%c --%s%s%s", option->letter ? '-' : ' ',
			       option->letter ? option->letter : ' ', option->letter ? ',' : ' ',
			       option->name, option->argument ? " " : "",
			       option->argument ? option->argument : "");
		if (strlen(left) >= OPTION_COLUMN)
			printf("  %s\n  %-*s %s\n", left, OPTION_COLUMN, "", option->help);
		else
			printf("  %-*s %s\n", OPTION_COLUMN, left, option->help);
	}
	printf("  %-*s %s\n", OPTION_COLUMN, "-h, --help", "print this");
}

static void print_option_names(const struct verb *verb)
{
	for (size_t i = 0; i < verb->option_count; i++) {
		printf("--%s ", verb->options[i].name);
		if (verb->options[i].letter)
			printf("-%c ", verb->options[i].letter);
	}
	printf("--help");
}

/* One case per option with a value: what may stand behind it. */
static void print_values(const struct verb *verb)
{
	for (size_t i = 0; i < verb->option_count; i++) {
		const struct option_spec *option = &verb->options[i];

		if (option->kind == OPTION_FLAG)
			continue;
		printf("    %s:--%s", verb->name, option->name);
		if (option->letter)
			printf("|%s:-%c", verb->name, option->letter);
		printf(") %s; return ;;\n", option->value == VALUE_FILE
						? "COMPREPLY=($(compgen -f -- \"$current\"))"
					    : option->value == VALUE_DIRECTORY
						? "COMPREPLY=($(compgen -d -- \"$current\"))"
						: "COMPREPLY=()");
	}
}

void help_print_completion(void)
{
	printf("# bash completion for nacelle, made from its table of options\n"
	       "_nacelle() {\n"
	       "  local current=\"${COMP_WORDS[COMP_CWORD]}\" "
	       "previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
	       "  local verb=\"${COMP_WORDS[1]}\"\n"
	       "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	       "    COMPREPLY=($(compgen -W \"");
	for (const struct verb *verb = verbs; verb->name; verb++)
		printf("%s ", verb->name);
	printf("\" -- \"$current\"))\n    return\n  fi\n  case \"$verb:$previous\" in\n");
	for (const struct verb *verb = verbs; verb->name; verb++)
		print_values(verb);
	printf("  esac\n  case \"$verb\" in\n");
	for (const struct verb *verb = verbs; verb->name; verb++) {
		printf("    %s) COMPREPLY=($(compgen -W \"", verb->name);
		print_option_names(verb);
		printf("%s\" -- \"$current\")) ;;\n", verb->takes_reference ? " oci: rootfs:" : "");
	}
	printf("  esac\n}\ncomplete -o default -F _nacelle nacelle\n");
}
