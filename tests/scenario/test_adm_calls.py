"""The whole table of culveradm's verbs: each says how it is called and what its
options mean, and each answers with -f json what a program can read."""
import json
import re

import pytest

import culver

ALICE = ("-u", "alice")
# for each verb, and second word, a call that does something
CALLS = {
    "acl add": (*ALICE, "INBOX", "user=bob", "read"),
    "acl debug": (*ALICE, "INBOX", "bob"),
    "acl delete": (*ALICE, "INBOX", "user=bob"),
    "acl get": (*ALICE, "INBOX"),
    "acl recalc": ALICE,
    "acl remove": (*ALICE, "INBOX", "user=bob", "read"),
    "acl rights": (*ALICE, "INBOX"),
    "acl set": (*ALICE, "INBOX", "user=bob", "lookup", "read"),
    "altmove": ("-o-", *ALICE, "mailbox", "INBOX"),
    "auth cache flush": (),
    "auth cache status": (),
    "auth login": ("alice", "secret"),
    "auth lookup": ("alice",),
    "auth test": ("alice", "secret"),
    "apppassword add": None,        # need a passdb: tests/scenario/test_apppassword.py
    "apppassword list": None,
    "apppassword revoke": None,
    "autoexpunge": ALICE,
    "backup": (*ALICE, "maildir:{home}/backup"),
    "copy": (*ALICE, "Work", "mailbox", "INBOX", "1"),
    "deduplicate": (*ALICE, "mailbox", "Work"),
    "director add": None,           # need a passdb: tests/scenario/test_director.py
    "director drain": None,
    "director flush": None,
    "director map": None,
    "director move": None,
    "director remove": None,
    "director setup": None,
    "director status": None,
    "director watch": None,
    "dump": ("{home}/Maildir/culver",),
    "expunge": (*ALICE, "mailbox", "Work", "1"),
    "fetch": (*ALICE, "uid text", "ALL"),
    "flags": (*ALICE, "add", r"\Seen", "ALL"),
    "force-resync": (*ALICE, "*"),
    "import": (*ALICE, "maildir:{home}/backup", "Old", "ALL"),
    "index": (*ALICE, "*"),
    "kick": ("alice",),
    "log find": (),
    "log reopen": (),
    "log test": (),
    "mailbox create": (*ALICE, "Work", "Play"),
    "mailbox delete": (*ALICE, "Play"),
    "mailbox list": ALICE,
    "mailbox metadata": (*ALICE, "set", "INBOX", "/private/comment", "x"),
    "mailbox path": (*ALICE, "INBOX"),
    "mailbox rename": (*ALICE, "Work", "Works"),
    "mailbox status": (*ALICE, "all", "*"),
    "mailbox subscribe": (*ALICE, "Works"),
    "mailbox unsubscribe": (*ALICE, "Works"),
    "mailbox update": (*ALICE, "-n", "100", "INBOX"),
    "move": (*ALICE, "Works", "mailbox", "INBOX", "1"),
    "penalty": (),
    "plugin check": ("imap",),
    "plugin describe": ("imap",),
    "plugin hooks": (),
    "plugin list": (),
    "proxy kick": ("alice",),
    "proxy list": (),
    "purge": ALICE,
    "pw": ("-s", "PLAIN", "-p", "secret"),
    "quota get": ALICE,
    "reload": (),
    "save": ALICE,
    "search": (*ALICE, "ALL"),
    "selftest": None,       # takes long: tests/scenario/test_sandbox.py
    "service status": (),
    "stop": (),
    "sync": (*ALICE, "maildir:{home}/backup"),
    "sync-server": None,    # speaks its protocol and no other
    "user": ("alice",),
    "verify": ALICE,
    "who": (),
}
# those that must come before others
ORDER = ["save", "mailbox create", "copy", "deduplicate", "expunge", "mailbox rename", "move", "backup", "acl set",
         "acl get", "acl add"]


@pytest.fixture(scope="module")
def mail():
    with culver.Server() as server:
        yield server


@pytest.fixture(scope="module")
def helps(mail):
    """{call: (usage without the call, text)} of all verbs."""
    found = {}
    for verb in re.findall(r"^  ([a-z-]+)", mail.adm("--help").stdout, re.M):
        for part in mail.adm(verb, "--help").stdout.split("\n\n"):
            usage, _, text = part.partition("\n")
            call = re.match(rf"usage: culveradm ({verb}(?: (?:[a-z]+\b(?![|.])(?! \|))+(?: flush| status)?)?)", usage)[1]
            call = call if call in CALLS else verb
            found[call] = usage.removeprefix(f"usage: culveradm {call}"), text
    return found


def test_each_verb_is_in_the_table_above(helps):
    assert sorted(helps) == sorted(CALLS)


def test_each_verb_says_what_it_does_and_what_its_options_mean(mail, helps):
    assert len(helps) > 50
    for call, (usage, text) in helps.items():
        for word in ("--help", "-h"):
            done = mail.adm(*call.split(), word, check=False)
            assert done.returncode == 0 and done.stderr == "", (call, word, done.stderr)
            assert done.stdout == f"usage: culveradm {call}{usage}\n{text.rstrip()}\n", call
        lines = text.splitlines()
        assert lines and all(line.startswith("  ") for line in lines), call
        assert not lines[0].startswith("  -"), call
        explained = {re.match(r"  (-\S+)  ", line)[1] for line in lines if line.startswith("  -")}
        offered = set(re.findall(r"(?<![\w-])(--?[\w-]+)", usage))
        aliases = {"--uid-validity", "--min-next-uid"} | ({"--dry-run"} if call == "import" else set())
        assert offered - explained <= aliases and explained <= offered, call


def test_help_stands_behind_other_options_too(mail):
    for call in (["fetch", "-u", "alice"], ["mailbox", "list", "-s"], ["sync", "-f"], ["flags", "add"]):
        for word in ("--help", "-h"):
            done = mail.adm(*call, word, check=False)
            assert done.returncode == 0 and done.stdout.startswith(f"usage: culveradm {call[0]}"), done.stderr
    # behind an argument it is an argument
    assert mail.adm("search", "-u", "alice", "subject", "-h", check=False).returncode == 0
    assert mail.adm("mailbox", "nonsense", "--help", check=False).returncode == 64


def test_each_verb_answers_json(mail):
    mail.imap().logout()
    home = mail.home("alice")
    ready = "mailbox delete"
    last = ["acl remove", "acl delete", "purge", "reload", "stop"]
    rest = [call for call in CALLS if call not in ORDER + last]
    assert ready in rest
    for call in [*ORDER, *rest, *last]:
        words = CALLS[call]
        if words is None:
            continue
        words = [w.format(home=home) if "{" in w else w for w in words if w != "-o-"]
        place = [f"-omail_location=mdbox:{home}/mdbox:ALT={home}/alt"] if call in ("altmove", "purge") else []
        client = mail.imap() if call in ("kick", "proxy kick", "who") else None
        done = mail.adm("-f", "json", *place, *call.split(), *words, check=False, input="Subject: x\n\ny\n")
        assert done.returncode == 0, (call, done.stderr)
        rows = json.loads(done.stdout)
        assert isinstance(rows, dict if call == "plugin describe" else list), call
        if client:
            assert rows, call
            client.shutdown()
    mail.process.wait(20)


def test_what_fails_answers_an_empty_list(make_server):
    server = make_server()
    for words in (["mailbox", "delete", "-u", "alice", "Nope"], ["fetch", "-u", "nobody-here", "uid", "ALL"],
                  ["acl", "get", "-u", "alice", "Nope"], ["fetch", "-u", "alice", "nofield", "ALL"]):
        done = server.adm("-f", "json", *words, check=False)
        assert done.returncode != 0 and json.loads(done.stdout) == []
        done = server.adm("-f", "table", *words, check=False)
        assert done.returncode != 0 and done.stdout == ""
