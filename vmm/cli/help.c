/*
 * Help texts and the bash completion, from the tables of verbs and options.
 */
#include "vmm/cli/help.h"

#include <stdio.h>
#include <string.h>

enum { OPTION_COLUMN = 26 };

/* How a reference can begin. */
static const char *const transports[] = {
	"oci:", "oci-archive:", "docker-archive:", "docker://", "aci:", "rootfs:", NULL
};

static void print_option(const struct option_spec *option)
{
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

void help_print_verbs(const struct program *program)
{
	printf("usage: %s %sVERB [OPTIONS] ...\n\n%s.\n\nverbs:\n", program->command,
	       program->globals ? "[OPTIONS] " : "", program->about);
	for (const struct verb *verb = program->verbs; verb->name; verb++)
		printf("  %-12s %s\n", verb->name, verb->help);
	if (program->globals)
		printf("\noptions in front of the verb:\n");
	for (size_t i = 0; program->globals && i < program->globals->option_count; i++)
		print_option(&program->globals->options[i]);
	printf("\n%s VERB --help explains a verb; the manual is %s.\n", program->command,
	       program->manual);
}

void help_print_verb(const struct program *program, const struct verb *verb)
{
	printf("usage: %s %s %s\n\n%s.\n", program->command, verb->name, verb->usage, verb->help);
	printf("\noptions:\n");
	for (size_t i = 0; i < verb->option_count; i++)
		print_option(&verb->options[i]);
	printf("  %-*s %s\n", OPTION_COLUMN, "-h, --help", "print this");
	if (!verb->more)
		return;
	printf("\n%s:\n", verb->more->heading);
	for (size_t i = 0; i < verb->more->count; i++)
		print_option(&verb->more->options[i]);
}

static void print_option_names(const struct verb *verb)
{
	const struct option_spec *option;
	size_t offset;

	for (size_t i = 0; (option = verb_option(verb, i, &offset)); i++) {
		printf("--%s ", option->name);
		if (option->letter)
			printf("-%c ", option->letter);
	}
	printf("--help");
}

/* One case per option with a value: what may stand behind it. */
static void print_values(const struct verb *verb)
{
	const struct option_spec *option;
	size_t offset;

	for (size_t i = 0; (option = verb_option(verb, i, &offset)); i++) {
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

/* What stands in a case of the verb, behind its options. */
static void print_arguments(const struct verb *verb)
{
	switch (verb->complete) {
	case COMPLETE_NOTHING:
	case COMPLETE_VERBS:
		break;
	case COMPLETE_REFERENCE:
		for (size_t i = 0; transports[i]; i++)
			printf(" %s", transports[i]);
		break;
	case COMPLETE_PODS:
		printf(" $(nacelle list --quiet 2>/dev/null)");
		break;
	case COMPLETE_CONTAINERS:
		printf(" $(nacelle-oci list --quiet 2>/dev/null)");
		break;
	case COMPLETE_STORED:
		printf(" $(nacelle image list --quiet 2>/dev/null)");
		break;
	}
}

static void print_case(const struct verb *verb)
{
	if (verb->complete == COMPLETE_VERBS) {
		printf("    %s) _nacelle_%s ;;\n", verb->name, verb->name);
		return;
	}
	printf("    %s) _nacelle_offer ", verb->name);
	print_option_names(verb);
	print_arguments(verb);
	printf(" ;;\n");
}

/* Bash takes colons for separators, so only what stands behind the last one may be offered. */
static const char shared[] = "# bash completion for nacelle, made from its tables of options\n"
			     "_nacelle_offer() {\n"
			     "  local IFS=$'\\n' typed=\"${COMP_LINE:0:COMP_POINT}\"\n"
			     "  typed=\"${typed##* }\"\n"
			     "  COMPREPLY=($(compgen -W \"$*\" -- \"$typed\"))\n"
			     "  COMPREPLY=(\"${COMPREPLY[@]#\"${typed%\"${typed##*[:=@]}\"}\"}\")\n"
			     "}\n";

static void print_function(const struct program *program)
{
	for (const char *c = program->command; *c; c++)
		(void)putchar(*c == ' ' || *c == '-' ? '_' : *c);
}

/* Finds the verb behind options of the program's own, whose values are words; "=" is one too. */
static void print_globals(const struct verb *globals)
{
	printf("  local at=1\n  while [ \"$at\" -lt \"$COMP_CWORD\" ]; do\n"
	       "    case \"${COMP_WORDS[at]}\" in\n    ");
	for (size_t i = 0, values = 0; i < globals->option_count; i++)
		if (globals->options[i].kind != OPTION_FLAG)
			printf("%s--%s", values++ ? "|" : "", globals->options[i].name);
	printf(") [ \"${COMP_WORDS[at+1]}\" = = ] && at=$((at + 1)); at=$((at + 2)) ;;\n"
	       "    -*) at=$((at + 1)) ;;\n    *) break ;;\n    esac\n  done\n"
	       "  verb=\"${COMP_WORDS[at]}\"\n  case \":$previous\" in\n");
	print_values(globals);
	printf("  esac\n  if [ \"$COMP_CWORD\" -le \"$at\" ]; then\n    _nacelle_offer ");
	print_option_names(globals);
}

static void print_verb_place(const struct program *program, int depth)
{
	printf("  local IFS=$'\\n' current=\"${COMP_WORDS[COMP_CWORD]}\"\n"
	       "  local previous=\"${COMP_WORDS[COMP_CWORD-1]}\" verb=\"${COMP_WORDS[%d]}\"\n",
	       depth);
	if (program->globals)
		print_globals(program->globals);
	else
		printf("  if [ \"$COMP_CWORD\" -eq %d ]; then\n    _nacelle_offer", depth);
}

void help_print_completion(const struct program *program)
{
	bool is_first = !strchr(program->command, ' ');

	printf("%s_", is_first ? shared : "");
	print_function(program);
	printf("() {\n");
	print_verb_place(program, is_first ? 1 : 2);
	for (const struct verb *verb = program->verbs; verb->name; verb++)
		printf(" %s", verb->name);
	printf("\n    return\n  fi\n  case \"$verb:$previous\" in\n");
	for (const struct verb *verb = program->verbs; verb->name; verb++)
		print_values(verb);
	printf("  esac\n  case \"$verb\" in\n");
	for (const struct verb *verb = program->verbs; verb->name; verb++)
		print_case(verb);
	printf("  esac\n}\n");
	if (!is_first)
		return;
	printf("complete -o default -F _");
	print_function(program);
	printf(" %s\n", program->command);
}
