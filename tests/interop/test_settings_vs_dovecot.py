"""The same configuration files read by culverconf and by Debian's doveconf:
what both know has the same value, and what one refuses the other refuses with
the same exit status.  Differences are listed with their reasons; one that is
no difference any more fails."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
BUILD = pathlib.Path(os.environ.get("CULVER_BUILD_DIR", HERE.parent.parent))
CULVERCONF = BUILD / "culverconf"

pytestmark = pytest.mark.skipif(
    shutil.which("doveconf") is None or not CULVERCONF.exists(),
    reason="needs Debian's dovecot-core and a built culverconf")

# Defaults that are meant to differ: path pattern -> why.
DIFFERENCES = {
    "base_dir": "our own directory", "state_dir": "our own directory",
    "libexec_dir": "our own directory",
    "mail_plugin_dir": "our own directory",
    "instance_name": "our own name", "login_greeting": "our own name",
    "default_internal_user": "our own user",
    "default_internal_group": "our own group",
    "default_login_user": "our own user",
    "mail_fsync": "a changed flag is durable too before OK",
}
CONFIGS = {
    "empty": "",
    "simple": "protocols = imap lmtp\nverbose_ssl = YES\nmail_debug=y\n"
              "auth_cache_ttl = 90s\nauth_cache_size=2048k\n"
              "auth_worker_max_count = 7\nfirst_valid_uid=1000\n"
              "ssl = no\n",
    "times": "auth_cache_ttl = 120 mins\nauth_cache_negative_ttl = 0\n"
             "auth_failure_delay = 3secs\nmail_max_lock_timeout = 5 min\n"
             "mailbox_idle_check_interval=2 weeks\n"
             "default_idle_kill = 36 hours\n",
    "sizes": "default_vsz_limit = 1G\nauth_cache_size = 100 kB\n",
    "quotes": "login_greeting = \"a # b\"\nhostname = 'it\\'s'\n"
              "postmaster_address = \"a \\\"q\\\" \\\\ b\" # x\n"
              "mail_server_admin = a # comment\n"
              "mail_server_comment = \"x\" y\n"
              "recipient_delimiter = \"+-\"\nauth_realms = a \\\n  b \\\n c\n",
    "variables": "mail_plugins = a b\nmail_plugins = $mail_plugins c\n"
                 "protocol imap {\n  mail_plugins = $mail_plugins d\n}\n"
                 "protocol lmtp {\n  mail_plugins = $mail_plugins e\n}\n"
                 "protocol imap {\n  mail_plugins = $mail_plugins f\n}\n"
                 "auth_realms = x $mail_plugins y\n",
    "filters": "local 10.0.0.0/8 {\n  hostname = l8\n}\n"
               "local 10.1.0.0/16 {\n  hostname = l16\n}\n"
               "local_name a.example {\n  hostname = name\n}\n"
               "remote 192.0.2.0/24 {\n  hostname = remote\n}\n"
               "protocol !imap {\n  hostname = not\n}\n",
    "nested": "local 10.0.0.0/8 {\n  ssl = no\n  protocol imap {\n"
              "    mail_max_userip_connections = 20\n  }\n}\n"
              "protocol imap {\n  mail_max_keyword_length = 30\n}\n",
    "services": "service imap-login {\n  inet_listener imap {\n    port = 0\n"
                "  }\n  process_min_avail = 4\n  service_count = 0\n"
                "  vsz_limit = 64M\n}\n"
                "service auth {\n  unix_listener /var/spool/postfix/auth {\n"
                "    mode = 0660\n    user = postfix\n  }\n"
                "  user = $default_internal_user\n}\n"
                "service auth {\n  client_limit = 5000\n}\n"
                "service mine {\n  executable = script /bin/true\n"
                "  fifo_listener f {\n    mode = 0600\n  }\n}\n",
    "namespaces": "namespace inbox {\n  inbox = yes\n  separator = /\n"
                  "  mailbox \"Sent Messages\" {\n    special_use = \\Sent\n"
                  "    auto = subscribe\n  }\n"
                  "  mailbox Trash {\n    autoexpunge = 30d\n  }\n}\n"
                  "namespace {\n  prefix = Public/\n  type = public\n"
                  "  separator = /\n  list = children\n}\n",
    "databases": "passdb {\n  driver = pam\n}\n"
                 "passdb {\n  driver = passwd-file\n"
                 "  args = scheme=CRYPT username_format=%u /etc/users\n"
                 "  result_failure = return-fail\n}\n"
                 "userdb {\n  driver = static\n"
                 "  args = uid=vmail gid=vmail home=/v/%d/%n\n}\n",
    "plugin": "plugin {\n  quota = maildir:User quota\n  empty =\n"
              "  spaces = \" x \"\n}\n"
              "protocol imap {\n  plugin {\n    quota = other\n  }\n}\n",
    "paths": "plugin/foo = bar\nservice/imap-login/process_limit = 5\n",
    "slash_r": "login_greeting = x\r\nhostname = y\r\n",
}
FILTERS = [[], ["-f", "protocol=imap"], ["-f", "protocol=lmtp"],
           ["-f", "local=10.1.2.3", "-f", "protocol=imap"],
           ["-f", "remote=192.0.2.9"], ["-f", "lname=a.example"]]
REFUSED = [
    "nosuch = 1\n", "protocol imap {\n", "}\n", "foo {\n}\n",
    "service x {\n  port = 1\n}\n", "verbose_ssl = maybe\n",
    "auth_worker_max_count = 5x\n", "!include nosuch\n", "!foo x\n",
    "login_greeting\n", "auth_cache_size = 5 X\n", "auth_cache_ttl = 5 X\n",
    "auth_cache_ttl = 3\n", "ssl = foo\n", "= b\n", "a\\ = b\n",
    "service foo{\n}\n", "service foo { user = x }\n", "service foo {\n}}\n",
    "service {\n}\n", "protocol imap {\n protocol pop3 {\n }\n}\n",
    "namespace inbox {\n mailbox x {\n  auto = foo\n }\n}\n",
]


def run(program, path, *args):
    if program == CULVERCONF:   # what plugins declare is not the subject
        args = ("-o", "mail_plugin_dir=/nonexistent", *args)
    if program == CULVERCONF and path.name != "refused.conf":
        args = ("-o", "plugin_on_error=skip", *args)
    return subprocess.run([program, "-c", str(path), *args], timeout=30,
                          capture_output=True, text=True)


def unquote(value):
    if len(value) > 1 and value[0] == value[-1] == '"':
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value


def parse(text):
    """{(block, block, ..., name): value}; nameless blocks are numbered."""
    result, stack, numbers = {}, [], {}
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line == "}":
            stack.pop()
        elif line.endswith("{") and " = " not in line:
            title = line[:-1].strip()
            if title in ("passdb", "userdb", "namespace"):
                number = numbers.setdefault((*stack, title), [0])
                number[0] += 1
                title += f" #{number[0]}"
            stack.append(title)
        else:
            name, _, value = line.partition(" =")
            result[(*stack, name)] = unquote(value.strip())
    return result


def parse_theirs(text):
    """Without what Pigeonhole adds where it is installed beside Dovecot."""
    return {key: value for key, value in parse(text).items()
            if not any("managesieve" in word for word in key)}


def same(theirs, ours):
    if theirs == ours:
        return True
    # "service_count = 4294967295 secs" and the like are our "infinite"
    return {theirs, ours} == {"4294967295 secs", "infinite"}


@pytest.mark.parametrize("args", FILTERS, ids=lambda a: "+".join(a[1::2]) or
                         "none")
@pytest.mark.parametrize("name", CONFIGS)
def test_values_are_the_same(tmp_path, name, args):
    path = tmp_path / "test.conf"
    path.write_bytes(CONFIGS[name].encode())
    theirs = run("doveconf", path, "-a", *args)
    ours = run(CULVERCONF, path, "-a", *args)
    assert theirs.returncode == 0, theirs.stderr
    assert ours.returncode == 0, ours.stderr
    left, right = parse_theirs(theirs.stdout), parse(ours.stdout)
    if args:    # doveconf prints no filters then; plain settings are compared
        left = {k: v for k, v in left.items() if len(k) == 1}
    both = left.keys() & right.keys()
    assert len(both) > 100
    wrong = {}
    for key in both:
        if same(left[key], right[key]) or key[-1] in DIFFERENCES:
            continue
        wrong[key] = (left[key], right[key])
    assert not wrong


@pytest.mark.parametrize("name", CONFIGS)
def test_what_was_set_is_there(tmp_path, name):
    """All that doveconf -n shows, and we declare, we show too."""
    path = tmp_path / "test.conf"
    path.write_bytes(CONFIGS[name].encode())
    theirs = parse_theirs(run("doveconf", path, "-n").stdout)
    ours = parse(run(CULVERCONF, path, "-n").stdout)
    everything = parse(run(CULVERCONF, path, "-a").stdout)
    for key, value in theirs.items():
        if key not in ours and value == everything.get(key):
            continue        # doveconf shows it though it is the default
        assert same(value, ours.get(key, "(missing)")), key


def test_the_listed_differences_are_some(tmp_path):
    path = tmp_path / "test.conf"
    path.write_text("")
    theirs = parse_theirs(run("doveconf", path, "-a").stdout)
    ours = parse(run(CULVERCONF, path, "-a").stdout)
    for name in DIFFERENCES:
        assert theirs[(name,)] != ours[(name,)], name


@pytest.mark.parametrize("text", REFUSED)
def test_what_dovecot_refuses_is_refused(tmp_path, text):
    path = tmp_path / "refused.conf"
    path.write_text(text)
    theirs = run("doveconf", path, "-n")
    ours = run(CULVERCONF, path, "-n")
    assert theirs.returncode == ours.returncode == 89
    assert f"{path}:" in ours.stderr


@pytest.mark.parametrize("args", [
    ["ssl"], ["-h", "ssl"], ["login_greeting"], ["-h", "login_greeting"],
    ["plugin/quota"], ["service/imap-login/process_min_avail"],
    ["service/imap-login/inet_listener/imap/port"],
    ["-h", "auth_cache_ttl"], ["mail_plugins", "hostname"],
    ["-f", "protocol=imap", "mail_plugins"], ["plugin"],
    ["-x", "auth_realms"], ["auth_realms"],
])
def test_names_as_arguments(tmp_path, args):
    path = tmp_path / "test.conf"
    path.write_text(CONFIGS["simple"] + CONFIGS["quotes"] + CONFIGS["plugin"] +
                    CONFIGS["services"] + CONFIGS["variables"])
    theirs = run("doveconf", path, *args)
    ours = run(CULVERCONF, path, *args)
    assert ours.returncode == theirs.returncode == 0
    # Dovecot has no defaults for what its plugins read
    assert re.sub(r"^  fts_\w+ = .*\n", "", ours.stdout, flags=re.M) == theirs.stdout


def test_missing_file_and_wrong_option(tmp_path):
    for args in (["-n"], ["-z"]):
        theirs = run("doveconf", tmp_path / "none", *args)
        ours = run(CULVERCONF, tmp_path / "none", *args)
        assert ours.returncode == theirs.returncode == 89


def test_output_reads_back_the_same(tmp_path):
    for number, text in enumerate(CONFIGS.values()):
        first = tmp_path / f"{number}.conf"
        first.write_bytes(text.encode())
        for mode in ("-n", "-a"):
            once = run(CULVERCONF, first, mode, "-P").stdout
            second = tmp_path / "again.conf"
            second.write_text(once)
            twice = run(CULVERCONF, second, mode, "-P").stdout
            assert once.splitlines()[3:] == twice.splitlines()[3:]
