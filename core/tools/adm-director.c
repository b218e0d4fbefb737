/* adm-director.c - culveradm director: which of several servers users' sessions
 * are forwarded to.
 *
 * Opens the databases of the configuration itself and asks the first passdb
 * that keeps such a table (cv-route.h).  Its second words are those of
 * doveadm director, as far as there is something like it here. */
#include "culveradm.h"
#include "auth/auth-request.h"
#include "cv-route.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 255, WEIGHT_MAX = 10000, ROUND_SECS = 1 };

struct call {
	struct adm *adm;
	struct auth *auth;
	const struct cv_routes *routes;
	void *db;
	struct cv_error *err;
	struct adm_output *out;
	/* options */
	uint64_t weight, port;
	const char *tag, *proxy;
	bool pin, move, all, once, off;
	bool has_weight, has_port;
};

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

static int open_routes(struct call *call)
{
	int ret = adm_auth_open(call->adm, &call->auth, call->err);

	if (ret < 0)
		return ret;
	for (const struct auth_db *db = call->auth->dbs.passdbs; db != NULL;
	     db = db->next) {
		if (db->pass == NULL || !CV_HAS(db->pass, routes) ||
		    db->pass->routes == NULL)
			continue;
		call->routes = db->pass->routes;
		call->db = db->db;
		return CV_OK;
	}
	return FAIL(call->err, CV_E_CONFIG, "no passdb sends users to other "
		    "servers: add passdb { driver = route  args = "
		    "/etc/culver/route.conf  skip = unauthenticated }");
}

/* --- showing ------------------------------------------------------------------- */

static bool put_backend(void *context, const struct cv_route_backend *b)
{
	struct call *call = context;

	adm_output_value(call->out, b->name);
	adm_output_f(call->out, "%u", b->port);
	adm_output_value(call->out, b->tag);
	adm_output_f(call->out, "%u", b->weight);
	adm_output_value(call->out, !b->up ? "down" : b->draining ?
			 "draining" : "up");
	adm_output_f(call->out, "%llu", (unsigned long long)b->users);
	return true;
}

static int run_status(struct call *call)
{
	static const char *const columns[] = {
		"backend", "port", "tag", "weight", "state", "users", NULL,
	};
	int ret;

	call->out = adm_output_begin(call->adm, ADM_FORMAT_TABLE, columns);
	ret = call->routes->backends(call->db, put_backend, call, call->err);
	adm_output_end(&call->out, ret < 0);
	return ret;
}

static bool put_user(void *context, const struct cv_route_user *user)
{
	struct call *call = context;
	time_t at = (time_t)user->used;
	char text[32] = "";
	struct tm tm;

	if (localtime_r(&at, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	adm_output_value(call->out, user->user);
	adm_output_value(call->out, user->backend);
	adm_output_value(call->out, user->moving ? "moving" : user->pinned ?
			 "pinned" : "assigned");
	adm_output_value(call->out, text);
	call->all = true;		/* there was one */
	return true;
}

/* Of one user: also where a new login would go to. */
static int put_choice(struct call *call, const char *user)
{
	const char *name;
	int ret = call->routes->choose(call->db, user, call->adm->pool, &name,
				       call->err);

	if (ret < 0)
		return ret;
	adm_output_value(call->out, user);
	adm_output_value(call->out, name);
	adm_output_value(call->out, ret == CV_NOT_FOUND ? "nowhere" :
			 "by hash");
	adm_output_value(call->out, "");
	return CV_OK;
}

static int run_map(struct call *call, const char *user)
{
	static const char *const columns[] = {
		"username", "backend", "state", "used", NULL,
	};
	int ret;

	call->all = false;
	call->out = adm_output_begin(call->adm, ADM_FORMAT_TABLE, columns);
	ret = call->routes->users(call->db, user, put_user, call, call->err);
	if (ret == CV_OK && user != NULL && !call->all)
		ret = put_choice(call, user);
	adm_output_end(&call->out, ret < 0);
	return ret;
}

/* --- backends ------------------------------------------------------------------- */

struct finding {
	const char *name;
	struct cv_pool *pool;
	struct cv_route_backend found;
	bool is;
};

static bool find_backend(void *context, const struct cv_route_backend *b)
{
	struct finding *f = context;

	if (strcmp(b->name, f->name) != 0)
		return true;
	f->found = *b;
	f->found.name = f->name;
	f->found.tag = pool_strdup(f->pool, b->tag);
	f->is = true;
	return false;
}

static int get_backend(struct call *call, const char *name,
		       struct finding *f)
{
	*f = (struct finding){ .name = name, .pool = call->adm->pool,
		.found = { CV_SIZED(cv_route_backend), .name = name,
			   .tag = "", .weight = 100 } };
	return call->routes->backends(call->db, find_backend, f, call->err);
}

static int unknown(struct call *call, const char *name)
{
	return FAIL(call->err, CV_E_NOT_FOUND, "there is no backend '%s' "
		    "(culveradm director status shows them)", name);
}

static int run_add(struct call *call, const char *name)
{
	struct finding f;
	int ret = get_backend(call, name, &f);

	if (ret < 0)
		return ret;
	if (call->has_weight)
		f.found.weight = (uint32_t)call->weight;
	if (call->has_port)
		f.found.port = (uint32_t)call->port;
	if (call->tag != NULL)
		f.found.tag = call->tag;
	return call->routes->set_backend(call->db, &f.found, call->err);
}

static int run_remove(struct call *call, const char *name)
{
	int ret = call->routes->remove_backend(call->db, name, call->err);

	return ret == CV_NOT_FOUND ? unknown(call, name) : ret;
}

/* Users by name, to be moved when the list is read. */
struct collecting {
	struct cv_pool *pool;
	const char *backend;		/* NULL: all */
	bool pinned;			/* those, too */
	ARRAY(const char *) users;
};

static bool collect_user(void *context, const struct cv_route_user *user)
{
	struct collecting *c = context;

	if ((c->backend == NULL || strcmp(c->backend, user->backend) == 0) &&
	    (c->pinned || !user->pinned))
		*array_add(&c->users) = pool_strdup(c->pool, user->user);
	return true;
}

static int move_user(struct call *call, const char *user,
		     const char *backend)
{
	int ret = call->routes->move(call->db, user, backend, call->pin,
				     call->err);

	if (ret == CV_NOT_FOUND && backend == NULL)
		return FAIL(call->err, CV_E_TEMP, "no backend takes new "
			    "users");
	return ret == CV_NOT_FOUND ? unknown(call, backend) : ret;
}

/* One that does not go is told, the others go on. */
static int move_all(struct call *call, const char *backend)
{
	struct collecting c = { .pool = call->adm->pool,
		.backend = backend };
	int ret, worst = CV_OK;

	array_init(&c.users, c.pool);
	ret = call->routes->users(call->db, NULL, collect_user, &c,
				  call->err);
	for (size_t i = 0; ret == CV_OK && i < c.users.count; i++) {
		int status = move_user(call, c.users.items[i], NULL);

		if (status == CV_OK)
			continue;
		if (worst != CV_OK)
			(void)adm_fail(call->err);
		worst = status;
	}
	return ret != CV_OK ? ret : worst;
}

static int run_drain(struct call *call, const char *name)
{
	struct finding f;
	int ret = get_backend(call, name, &f);

	if (ret < 0)
		return ret;
	if (!f.is)
		return unknown(call, name);
	f.found.draining = !call->off;
	ret = call->routes->set_backend(call->db, &f.found, call->err);
	return ret == CV_OK && call->move ? move_all(call, name) : ret;
}

/* --- one proxy's part ------------------------------------------------------------ */

static int watch_kick(void *context, const char *user, uint32_t *count_r,
		      struct cv_error *err)
{
	return adm_kick(((struct call *)context)->adm, user, count_r, err);
}

static int watch_sessions(void *context,
			  void (*found)(void *found_context,
					const char *user),
			  void *found_context, struct cv_error *err)
{
	return adm_forwarded(((struct call *)context)->adm, found,
			     found_context, err);
}

static void watch_until_signal(struct call *call,
			       const struct cv_route_watch *watch)
{
	bool failed = false;
	int ret;

	while (!ended) {
		*call->err = (struct cv_error)ERROR_NONE;
		ret = call->routes->watch(call->db, watch, call->err);
		/* each trouble once */
		if (ret < 0 && !failed)
			(void)adm_fail(call->err);
		else if (ret == CV_OK && failed)
			(void)fprintf(stderr, "culveradm: goes on\n");
		failed = ret < 0;
		if (!ended)
			(void)sleep(ROUND_SECS);
	}
}

static int run_watch(struct call *call)
{
	struct sigaction action = { .sa_handler = on_signal };
	char host[NAME_MAX_BYTES + 1] = "";
	const struct cv_route_watch watch = {
		CV_SIZED(cv_route_watch), .proxy = call->proxy == NULL ?
		host : call->proxy, .kick = watch_kick,
		.sessions = watch_sessions, .context = call,
	};

	if (call->proxy == NULL && gethostname(host, sizeof(host) - 1) < 0)
		return FAIL_ERRNO(call->err, errno, "no host name: use -n");
	if (call->once)
		return call->routes->watch(call->db, &watch, call->err);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	watch_until_signal(call, &watch);
	return CV_OK;
}

/* --- the call ---------------------------------------------------------------------- */

static int word_status(struct call *call, char **args)
{
	(void)args;
	return run_status(call);
}

static int word_setup(struct call *call, char **args)
{
	(void)args;
	return call->routes->setup(call->db, call->err);
}

static int word_map(struct call *call, char **args)
{
	return run_map(call, args[0]);
}

static int word_add(struct call *call, char **args)
{
	return run_add(call, args[0]);
}

static int word_remove(struct call *call, char **args)
{
	return run_remove(call, args[0]);
}

static int word_drain(struct call *call, char **args)
{
	return run_drain(call, args[0]);
}

static int word_move(struct call *call, char **args)
{
	return move_user(call, args[0], args[1]);
}

static int word_flush(struct call *call, char **args)
{
	if (args[0] != NULL)
		return move_user(call, args[0], NULL);
	return move_all(call, NULL);
}

static int word_watch(struct call *call, char **args)
{
	(void)args;
	return run_watch(call);
}

static const struct {
	const char *name, *options;
	int min, max;
	int (*run)(struct call *, char **);
} calls[] = {
	{ "status", "+", 0, 0, word_status },
	{ "map", "+", 0, 1, word_map },
	{ "add", "+p:t:w:", 1, 1, word_add },
	{ "remove", "+", 1, 1, word_remove },
	{ "drain", "+mx", 1, 1, word_drain },
	{ "move", "+P", 2, 2, word_move },
	{ "flush", "+a", 0, 1, word_flush },
	{ "setup", "+", 0, 0, word_setup },
	{ "watch", "+1n:", 0, 0, word_watch },
};

static bool is_name(const char *text)
{
	return text[0] != '\0' && strlen(text) <= NAME_MAX_BYTES &&
		text[strcspn(text, " \t\r\n")] == '\0';
}

static int wrong(const char *what, const char *text)
{
	return adm_usage(&adm_director_verb, "'%s' is no %s", text, what);
}

static int take_option(struct call *call, int option)
{
	switch (option) {
	case 'p':
		call->has_port = true;
		return cv_span_to_u64(cv_span_of(optarg), UINT16_MAX,
				      &call->port) ? ADM_OK :
			wrong("port", optarg);
	case 'w':
		call->has_weight = true;
		return cv_span_to_u64(cv_span_of(optarg), WEIGHT_MAX,
				      &call->weight) ? ADM_OK :
			wrong("weight from 0 to 10000", optarg);
	case 't':
		call->tag = optarg;
		return *optarg == '\0' || is_name(optarg) ? ADM_OK :
			wrong("tag", optarg);
	case 'n':
		call->proxy = optarg;
		return is_name(optarg) ? ADM_OK : wrong("name", optarg);
	case 'P':
		call->pin = true;
		return ADM_OK;
	case 'm':
		call->move = true;
		return ADM_OK;
	case 'x':
		call->off = true;
		return ADM_OK;
	case 'a':
		call->all = true;
		return ADM_OK;
	case '1':
		call->once = true;
		return ADM_OK;
	}
	return adm_usage(&adm_director_verb, "an option is wrong");
}

static int run_word(struct call *call, size_t word, char **args)
{
	int ret = open_routes(call);

	if (ret == CV_OK)
		ret = calls[word].run(call, args);
	if (ret < 0)
		ret = adm_fail(call->err);
	adm_auth_close(&call->auth);
	return ret;
}

static int run_director(struct adm *adm, int argc, char **argv)
{
	struct cv_error err = ERROR_NONE;
	struct call call = { .adm = adm, .err = &err };
	size_t word = 0, count = sizeof(calls) / sizeof(calls[0]);
	int option, left, status = ADM_OK;

	while (argc > 1 && word < count &&
	       strcmp(argv[1], calls[word].name) != 0)
		word++;
	if (argc < 2 || word == count)
		return adm_usage(&adm_director_verb, "status, map, add, "
				 "remove, drain, move, flush, setup or "
				 "watch?");
	optind = 1;
	while (status == ADM_OK && (option = getopt(argc - 1, argv + 1,
					calls[word].options)) != -1)
		status = take_option(&call, option);
	if (status != ADM_OK)
		return status;
	left = argc - 1 - optind;
	if (left < calls[word].min || left > calls[word].max ||
	    (strcmp(calls[word].name, "flush") == 0 &&
	     (left == 0) != call.all))
		return adm_usage(&adm_director_verb, "the number of arguments "
				 "is wrong");
	if (left > 0 && !is_name(argv[1 + optind]))
		return wrong("name of at most 255 bytes without blanks",
			     argv[1 + optind]);
	return run_word(&call, word, argv + 1 + optind);
}

static const struct adm_word director_words[] = {
	{ "status", "", "Shows the backends." },
	{ "map", "[USER]", "Shows where users are, or where one would go." },
	{ "add", "[-w WEIGHT] [-p PORT] [-t TAG] BACKEND",
	  "Adds a backend, or changes it.\n"
	  "-w  its share of the users, against the others' (100)\n"
	  "-p  its port (0: that of the protocol)\n"
	  "-t  for the proxies whose file has this tag" },
	{ "remove", "BACKEND",
	  "Takes a backend away; its users go elsewhere at the next login." },
	{ "drain", "[-m] [-x] BACKEND",
	  "It takes no new users.\n"
	  "-m  and those it has move\n"
	  "-x  it takes new users again" },
	{ "move", "[-P] USER BACKEND",
	  "Ends the user's sessions, and sends the next ones there.\n"
	  "-P  for ever, whatever happens to that backend" },
	{ "flush", "USER | -a",
	  "Moves a user to where a new one would go, and unpins.\n"
	  "-a  all that are not pinned" },
	{ "setup", "", "Makes the tables in the database." },
	{ "watch", "[-1] [-n NAME]",
	  "This proxy's part: tries the backends, ends sessions of users who "
	  "move. Runs until it is stopped.\n"
	  "-1  one round only\n"
	  "-n  the proxy's name (its host name)" },
};

const struct adm_verb adm_director_verb = {
	.name = "director",
	.args = "status | map [USER] | add [-w WEIGHT] [-p PORT] [-t TAG] "
		"BACKEND | remove BACKEND | drain [-m] [-x] BACKEND | "
		"move [-P] USER BACKEND | flush USER | flush -a | setup | "
		"watch [-1] [-n NAME]",
	.help = "Which of several servers users' sessions are forwarded to.",
	.run = run_director,
	.words = director_words,
	.count = sizeof(director_words) / sizeof(director_words[0]),
};
