/* adm-director.c - culveradm director: which of several servers users' sessions
 * are forwarded to.
 *
 * Opens the databases of the configuration itself and asks the first passdb
 * that keeps such a table (cv-route.h).  Its second words are those of
 * doveadm director, as far as there is something like it here. */
#include "adm-director.h"

#include <getopt.h>

static int open_routes(struct director *call)
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

static int director_setup(struct director *call, char **args)
{
	(void)args;
	return call->routes->setup(call->db, call->err);
}

static const struct {
	const char *name, *options;
	int min, max;
	director_fn *run;
} calls[] = {
	{ "status", "+", 0, 0, director_status },
	{ "map", "+", 0, 1, director_map },
	{ "add", "+p:t:w:", 1, 1, director_add },
	{ "remove", "+", 1, 1, director_remove },
	{ "drain", "+mx", 1, 1, director_drain },
	{ "move", "+P", 2, 2, director_move },
	{ "flush", "+a", 0, 1, director_flush },
	{ "setup", "+", 0, 0, director_setup },
	{ "watch", "+1n:", 0, 0, director_watch },
};

static bool is_name(const char *text)
{
	return text[0] != '\0' && strlen(text) <= DIRECTOR_NAME_BYTES &&
		text[strcspn(text, " \t\r\n")] == '\0';
}

static int wrong(const char *what, const char *text)
{
	return adm_usage(&adm_director_verb, "'%s' is no %s", text, what);
}

static int take_option(struct director *call, int option)
{
	switch (option) {
	case 'p':
		call->has_port = true;
		return cv_span_to_u64(cv_span_of(optarg), UINT16_MAX,
				      &call->port) ? ADM_OK :
			wrong("port", optarg);
	case 'w':
		call->has_weight = true;
		return cv_span_to_u64(cv_span_of(optarg), DIRECTOR_WEIGHT_MAX,
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

static int run_word(struct director *call, size_t word, char **args)
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
	struct director call = { .adm = adm, .err = &err };
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
