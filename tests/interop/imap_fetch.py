"""A small IMAP client that keeps the bytes of FETCH answers, and the parsing
of them into Python lists."""
import re
import socket


class Source:
    """A logged-in connection with INBOX open (read-only)."""

    def __init__(self, port, user="alice", password="secret", host="127.0.0.1"):
        self.sock = socket.create_connection((host, port), 60)
        self.file = self.sock.makefile("rb")
        self.number = 0
        self.file.readline()
        self.command(f"LOGIN {user} {password}")
        self.command("EXAMINE INBOX")

    def close(self):
        self.sock.close()

    def response(self):
        """One response line, literals with it."""
        data = b""
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError("the server closed the connection")
            data += line
            literal = re.search(rb"\{(\d+)\}\r\n\Z", line)
            if literal is None:
                return data
            data += self.file.read(int(literal.group(1)))

    def command(self, text):
        self.number += 1
        tag = f"t{self.number}".encode()
        self.sock.sendall(tag + b" " + text.encode() + b"\r\n")
        answers = []
        while True:
            data = self.response()
            if data.startswith(tag + b" "):
                if not data.startswith(tag + b" OK"):
                    raise RuntimeError(f"{text}: {data!r}")
                return answers
            answers.append(data)

    def append(self, data):
        """The bytes as they are (imaplib changes lone CRs)."""
        self.number += 1
        tag = f"t{self.number}".encode()
        self.sock.sendall(tag + b" APPEND INBOX {%d}\r\n" % len(data))
        answer = self.response()
        if not answer.startswith(b"+"):
            raise RuntimeError(f"APPEND: {answer!r}")
        self.sock.sendall(data + b"\r\n")
        while not answer.startswith(tag + b" "):
            answer = self.response()
        if not answer.startswith(tag + b" OK"):
            raise RuntimeError(f"APPEND: {answer!r}")

    def fetch(self, seq, items):
        """{item: value} of one message."""
        for answer in self.command(f"FETCH {seq} ({items})"):
            match = re.match(rb"\* (\d+) FETCH ", answer)
            if match is not None and int(match.group(1)) == seq:
                values = parse(answer[match.end():])[0]
                return dict(zip((key.decode() for key in values[::2]),
                                values[1::2]))
        raise RuntimeError(f"no answer to FETCH {seq} {items}")


ATOM = re.compile(rb"BODY\[[^\]]*\](?:<\d+>)?|[^\s()\"{}]+")


def parse(data):
    """Lists as lists, strings as bytes, NIL as None, numbers as int, other
    atoms as bytes."""
    stack, at = [[]], 0
    while at < len(data):
        c = data[at:at + 1]
        if c in b" \r\n":
            at += 1
        elif c == b"(":
            stack.append([])
            at += 1
        elif c == b")":
            done = stack.pop()
            stack[-1].append(done)
            at += 1
        elif c == b'"':
            end = at + 1
            while data[end:end + 1] != b'"':
                if end >= len(data):
                    raise ValueError(f"open string in {data[at:at + 80]!r}")
                end += 2 if data[end:end + 1] == b"\\" else 1
            text = data[at + 1:end]
            if re.search(rb"[\x80-\xff\r\n\0]", text):
                # [RFC3501 9 quoted]; Dovecot does so all the same
                text = Quoted8Bit(text)
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", text, flags=re.S)
                             if b"\\" in text else text)
            at = end + 1
        elif c == b"{":
            match = re.compile(rb"\{(\d+)\}\r\n").match(data, at)
            size = int(match.group(1))
            stack[-1].append(data[match.end():match.end() + size])
            at = match.end() + size
        else:
            match = ATOM.match(data, at)
            atom = match.group(0)
            stack[-1].append(None if atom.upper() == b"NIL" else
                             int(atom) if atom.isdigit() else atom)
            at = match.end()
    return stack[0]


class Quoted8Bit(bytes):
    """A quoted string with bytes that may not stand in one."""


def part_numbers(structure, prefix=""):
    """The numbers of all parts of a parsed BODYSTRUCTURE."""
    if isinstance(structure[0], list):
        for i, part in enumerate(structure):
            if not isinstance(part, list):
                break
            number = f"{prefix}{i + 1}"
            yield number
            yield from inside(part, number)
    elif not prefix:
        yield "1"
        yield from inside(structure, "1")
    else:
        # the body of a message that is no multipart
        yield f"{prefix}1"
        yield from inside(structure, f"{prefix}1")


def inside(part, number):
    if isinstance(part[0], list):
        yield from part_numbers(part, number + ".")
    elif part[0].lower() == b"message" and part[1].lower() == b"rfc822":
        yield from part_numbers(part[8], number + ".")
