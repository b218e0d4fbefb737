"""What admins get wrong in a configuration, and what culverconf says to it: the line, and
what to write.  Each of these would stop the server, or every session."""
import os
import pathlib
import subprocess

import pytest

PREFIX = pathlib.Path(os.environ["CULVER_PREFIX"])
NEEDS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="who is who only matters to root")

BASE = """protocols = imap lmtp
mail_location = maildir:~/Maildir
ssl = no
passdb {
  driver = static
  args = password=x
}
userdb {
  driver = static
  args = uid=1 gid=1 home=/srv/%n
}
"""


def check(tmp_path, text):
    """(status, what is said with lines counted from the first of text)"""
    config = tmp_path / "culver.conf"
    config.write_text(BASE + text)
    done = subprocess.run([PREFIX / "bin" / "culverconf", "-c", config, "-n"],
                          capture_output=True, text=True, timeout=60)
    said = []
    for line in done.stderr.splitlines():
        kind, place, what = line.removeprefix("culverconf: ").split(": ", 2)
        file, _, number = place.rpartition(":")
        assert file == str(config), line
        said.append(f"{kind} {int(number) - BASE.count(chr(10))}: {what}")
    return done.returncode, said


MISTAKES = {
    "address": ("service imap-login {\n  inet_listener imaps {\n    address = 300.1.1.1\n"
                "  }\n}\n", 3, "'300.1.1.1' is not an IP address"),
    "listen": ("listen = mail.example.org\n", 1, "'mail.example.org' is not an IP address"),
    "executable": ("service imap {\n  executable = /usr/lib/dovecot/imap imap\n}\n", 2,
                   "executable = imap post-login"),
    "script": ("service imap {\n  executable = imap postlogin\n}\n", 2,
               "no service 'postlogin'"),
    "separator": ("namespace {\n  inbox = yes\n  separator = /.\n}\n", 3,
                  "it is one character"),
    "prefix": ("namespace {\n  inbox = yes\n  separator = .\n  prefix = INBOX/\n}\n", 4,
               "'INBOX/' does not end with its separator '.'"),
    "bare prefix": ("namespace {\n  inbox = yes\n  prefix = INBOX\n}\n", 3,
                    "did you mean 'INBOX/'"),
    "use": ("namespace {\n  inbox = yes\n  mailbox Sent {\n    special_use = Sent\n  }\n}\n",
            4, "did you mean '\\Sent'?"),
    "spelling of a use": ("namespace {\n  inbox = yes\n  mailbox Bin {\n"
                          "    special_use = \\Trahs\n  }\n}\n", 4, "did you mean '\\Trash'?"),
    "path of a certificate": ("ssl = yes\nssl_cert = /etc/ssl/mail.pem\nssl_key = x\n", 2,
                              "write ssl_cert = </etc/ssl/mail.pem"),
    "no certificate": ("ssl = yes\nssl_cert = x\nssl_key = x\n", 2, "there is no PEM in it"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_an_error_at_its_line(name, tmp_path):
    text, line, what = MISTAKES[name]
    status, said = check(tmp_path, text)
    assert status == 89
    assert len(said) == 1 and said[0].startswith(f"Error {line}: ") and what in said[0], said


OF_USERS = {
    "socket": "service lmtp {\n  unix_listener lmtp {\n    user = nosuchuser\n  }\n}\n",
    "socket's group": "service lmtp {\n  unix_listener lmtp {\n    group = nosuchuser\n  }\n}\n",
    "service": "service anvil {\n\n  user = nosuchuser\n}\n",
    "mail": "\n\nmail_uid = nosuchuser\n",
    "group of mail": "\n\nmail_gid = nosuchuser\n",
    "mail of a protocol": "protocol lmtp {\n\n  mail_uid = nosuchuser\n}\n",
    "logins": "\n\ndefault_login_user = nosuchuser\n",
}


@NEEDS_ROOT
@pytest.mark.parametrize("name", OF_USERS)
def test_a_user_that_does_not_exist_is_an_error_at_its_line(name, tmp_path):
    status, said = check(tmp_path, OF_USERS[name])
    assert status == 89
    assert len(said) == 1 and said[0].startswith("Error 3: "), said
    assert "'nosuchuser' on this system" in said[0]


def test_all_of_them_are_told_in_one_run(tmp_path):
    texts = [MISTAKES[name][0] for name in ("address", "script", "use")]
    status, said = check(tmp_path, "listen = x\n" + "".join(texts))
    assert status == 89 and len(said) == 4, said


@pytest.mark.parametrize("text,line,what", [
    ("namespace a {\n  inbox = yes\n}\nnamespace b {\n  prefix = b/\n  inbox = yes\n}\n", 6,
     "two namespaces have inbox = yes"),
    ("namespace a {\n  inbox = yes\n  prefix = b/\n}\nnamespace b {\n  prefix = b/\n}\n", 6,
     "two namespaces have the prefix 'b/'"),
    ("namespace a {\n  prefix = a/\n}\n", 1, "no namespace has inbox = yes"),
])
def test_what_need_not_be_wrong_is_a_warning(text, line, what, tmp_path):
    status, said = check(tmp_path, text)
    assert status == 0
    assert len(said) == 1 and said[0].startswith(f"Warning {line}: ") and what in said[0], said
    # for each protocol the same, and said once
    assert check(tmp_path, text + "protocol imap {\n  mail_max_keyword_length = 9\n}\n") == \
        (status, said)


def test_a_namespace_that_is_off_is_left_alone(tmp_path):
    assert check(tmp_path, "namespace a {\n  inbox = yes\n}\nnamespace b {\n  disabled = yes\n"
                 "  inbox = yes\n}\n") == (0, [])
