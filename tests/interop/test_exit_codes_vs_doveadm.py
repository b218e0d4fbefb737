"""Exit codes of calls that go wrong, by culveradm and by Debian's doveadm:
scripts look at them.

A row is a call and the code that both end with.  What differs stands in
DIFFERENCES with both codes and the reason, and is told in culveradm(1)."""
import os
import re
import subprocess

import pytest

import culver
import dovecot

pytestmark = pytest.mark.skipif(not dovecot.available(), reason="needs root and Dovecot")

TOP = os.path.join(os.path.dirname(__file__), "..", "..")

# "-u alice" is put behind the verb; |x is x in one word with its blanks as %
SAME = r"""
75 search nonsense
75 search UID x
75 search BEFORE tomorrow
68 search mailbox Nope ALL
0  search mailbox Nope* ALL
0  search mailbox-guid 00112233445566778899aabbccddeeff ALL
64 search
64 search -x ALL
75 fetch nofield ALL
75 fetch uid nonsense
64 fetch uid
64 fetch
75 fetch body.x ALL
75 fetch binary ALL
75 fetch date.received.foo ALL
0  fetch body.9 ALL
65 mailbox delete INBOX
68 mailbox delete Nope
65 mailbox delete -e Full
68 mailbox delete -r Nope
64 mailbox delete
64 mailbox create -g zzz New
65 mailbox create Full
65 mailbox create INBOX
64 mailbox create a//b
64 mailbox create |
64 mailbox create /x
64 mailbox create ../x
64 mailbox create
68 mailbox rename Nope Other
65 mailbox rename Full INBOX
65 mailbox rename Full Full
64 mailbox rename Full
0  mailbox subscribe Nope
0  mailbox unsubscribe Nope
68 mailbox status messages Nope
0  mailbox status messages Nope*
64 mailbox status nofield INBOX
64 mailbox status messages
64 mailbox status -t uidnext INBOX
64 mailbox status | INBOX
0  mailbox path INBOX
64 mailbox path
64 mailbox update --uid-validity x INBOX
68 mailbox update --uid-validity 5 Nope
64 mailbox update
68 mailbox metadata get Nope /private/comment
64 mailbox metadata get INBOX comment
64 mailbox metadata set INBOX comment x
68 mailbox metadata set Nope /private/comment x
0  mailbox metadata unset INBOX /private/nope
68 mailbox metadata list Nope
64 mailbox metadata foo INBOX
0  mailbox list Nope*
64 mailbox nosuch
64 mailbox
75 flags add \Bogus mailbox Full
75 flags add \Seen nonsense
68 flags add \Seen mailbox Nope
64 flags foo \Seen ALL
64 flags add
68 copy Nope ALL
68 copy Full mailbox Nope
75 copy Full nonsense
64 copy Full
64 copy | ALL
64 move Nope ALL
68 move Full mailbox Nope ALL
64 move INBOX user nosuchuser ALL
75 altmove nonsense
68 altmove mailbox Nope
64 expunge ALL
75 expunge nonsense
68 expunge mailbox Nope ALL
64 expunge
75 deduplicate nonsense
68 deduplicate mailbox Nope
64 deduplicate
75 save nofile
68 save -m Nope /etc/hostname
64 save a b
0  index Nope*
64 index -n x INBOX
64 index
0  force-resync Nope*
64 force-resync
64 purge extra
75 import maildir:/nope/x Imported nonsense
64 import maildir:/nope/x
75 import nosuch:/nope Imported ALL
64 import
68 acl get Nope
64 acl set INBOX zork lookup
64 acl set INBOX user=bob zork
68 acl set Nope user=bob lookup
68 acl rights Nope
68 acl debug Nope
0  acl debug INBOX
64 acl foo INBOX
64 acl
65 dump /nope
65 dump /etc/passwd
65 dump /etc
64 dump
64 nosuchverb
67 user nosuchuser
64 user
77 auth test alice wrong
77 auth test nosuchuser x
67 auth lookup nosuchuser
64 auth
64 auth foo
75 pw -s NOPE -p x
75 pw -t {PLAIN}x -p y
75 pw -t {NOPE}x -p x
64 pw -x
64 log foo
64 log
64 who a b c
64 kick
68 kick nobody-x
64 penalty x y z
64 service foo
64 reload x
64 stop x
67 search -u nosuchuser ALL
75 search -F /nope ALL
64 search ALL
75 -f nosuch who
75 -o nonsense who
"""
# call: culveradm's code, doveadm's (None: it dies of a signal), why
DIFFERENCES = {
    "search OR SEEN": (75, 0, "an OR with nothing on one side"),
    "fetch uid mailbox Nope": (68, 0, "a mailbox that is not there"),
    "mailbox path Nope": (68, 0, "a mailbox that is not there"),
    "index Nope": (68, 0, "a mailbox that is not there"),
    "force-resync Nope": (68, 0, "a mailbox that is not there"),
    "import maildir:/nope/x Imported ALL": (68, 0, "a location without mail"),
    "backup -R maildir:/nope/y": (68, 65, "a location without mail"),
    "fetch hdr. ALL": (75, 0, "a field without a name"),
    "fetch | ALL": (64, 0, "no field at all"),
    "mailbox create -g 00000000000000000000000000000000 New": (64, 0, "a GUID of zeros"),
    "mailbox delete -r Only": (0, 68, "a mailbox that is not there, but others below it"),
    "mailbox rename Old Old/Sub": (65, 0, "a mailbox below itself"),
    "mailbox rename INBOX FromInbox": (0, 65, "INBOX"),
    "mailbox metadata get INBOX /private/nope": (68, 0, "an annotation that is not there"),
    "acl delete INBOX user=nobody": (68, 0, "an entry that is not there"),
    "user -f nofield alice": (68, 0, "a field that is not there"),
    "-c /nope who": (78, 75, "a configuration that cannot be read"),
    "copy INBOX user nosuchuser ALL": (67, None, "doveadm crashes"),
    "flags add a(b mailbox Full2": (64, None, "doveadm crashes"),
    "sync maildir:": (78, None, "doveadm crashes"),
    "sync nosuch:/x": (75, None, "doveadm crashes"),
}
TWO_WORDS = ("mailbox", "acl", "quota", "flags")
SELF = ("dump", "user", "auth", "pw", "log", "who", "kick", "penalty", "service", "reload", "stop")
EXTRA = """\
mail_plugins = acl
plugin {{
  acl = vfile
}}
"""


def words(call):
    """The call as argv, for the mail of alice where it is about mail."""
    argv = [word.removeprefix("|") for word in call.split()]
    if argv[0] in SELF or argv[0].startswith("-") or "-u" in argv or "-F" in argv or call == "search ALL":
        return argv
    at = 2 if argv[0] in TWO_WORDS and len(argv) > 1 else 1
    if argv[:2] == ["mailbox", "metadata"]:
        at = 3
    return [*argv[:at], "-u", "alice", *argv[at:]]


@pytest.fixture(scope="module")
def both():
    ours = culver.Server(extra=EXTRA.format())
    theirs = dovecot.Dovecot(extra=EXTRA.format() + "mail_attribute_dict = file:%h/attributes\n")
    programs = {os.fspath(culver.PREFIX / "bin" / "culveradm"): ours, "doveadm": theirs}
    try:
        for program, server in programs.items():
            server.start()
            code(program, server, "mailbox create Full Full2 Old Only/Child")
            for mailbox in ("INBOX", "Full", "Full2"):
                subprocess.run([program, "-c", server.config, "save", "-u", "alice", "-m", mailbox],
                               input=b"Subject: x\n\nbody\n", check=True, timeout=60)
        yield programs
    finally:
        for server in programs.values():
            server.stop()
            server.remove()


def code(program, server, call):
    argv = words(call)
    config = [] if argv[0] == "-c" else ["-c", server.config]
    return subprocess.run([program, *config, *argv], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=60, cwd="/").returncode


def codes(both, call):
    return [code(program, server, call) for program, server in both.items()]


@pytest.mark.parametrize("row", SAME.strip().splitlines())
def test_a_call_ends_with_the_code_of_doveadm(both, row):
    wanted, call = row.split(None, 1)
    assert codes(both, call) == [int(wanted)] * 2


@pytest.mark.parametrize("call", DIFFERENCES)
def test_what_ends_otherwise_is_listed_with_the_reason(both, call):
    ours, theirs, why = DIFFERENCES[call]
    got = codes(both, call)
    assert got[0] == ours and why
    assert got[1] < 0 if theirs is None else got[1] == theirs


def test_the_manual_page_tells_each_difference():
    with open(os.path.join(TOP, "doc/man/culveradm.1")) as file:
        page = file.read()
    listed = re.findall(r"^\.It (\d+) for (\d+)\n((?:(?!\.(?:It|El)).*\n)*)", page, re.M)
    told = {(int(ours), int(theirs)): " ".join(text.split()) for ours, theirs, text in listed}
    wanted = {(ours, theirs) for ours, theirs, _ in DIFFERENCES.values() if theirs is not None}
    assert set(told) == wanted
    missing = [why for ours, theirs, why in DIFFERENCES.values()
               if theirs is not None and why not in told[ours, theirs]]
    assert missing == []
