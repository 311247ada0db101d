#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "harness_added.h"

void harness_added_streams(struct pod_app *added)
{
	added->stdin_port = 1;
	added->stdout_port = 2;
	added->stderr_port = 3;
}

void harness_added_run(struct harness_pod *pod, const struct pod_app *added, struct script script,
		       struct outcome *o)
{
	script.added = added;
	if (!script.added_on)
		script.added_on = "ready\n";
	harness_run(&pod->pod, &script, o);
	if (!o->pod_exited || !o->added_exits)
		(void)fprintf(stderr, "%u exits; out: %s err: %s added out: %s err: %s\n",
			      o->added_exits, o->out, o->err, o->added_out, o->added_err);
	assert_true(o->hello && o->pod_exited);
	assert_int_equal(o->died, -1);
}
