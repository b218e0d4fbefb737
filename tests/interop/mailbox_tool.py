"""The mailbox service without a server: see mailbox-tool.c."""
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).parent
BUILD = pathlib.Path(os.environ.get("CULVER_BUILD_DIR", HERE.parent.parent))
PROGRAM = BUILD / "tests" / "interop" / "mailbox-tool"


class Refused(Exception):
    """A command that was answered with NO."""


class Tool:
    """One process with one user."""

    def __init__(self, home, *settings):
        self.process = subprocess.Popen(
            [str(PROGRAM), str(home), *settings], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def __call__(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        lines = []
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"mailbox-tool died at {words}")
            line = line.rstrip("\n")
            if line == ".":
                break
            lines.append(line)
        if lines and lines[-1].startswith("NO "):
            raise Refused(lines[-1])
        return lines

    def save(self, box, text, flags="-", keywords="-"):
        return int(self("save", box, flags, keywords, text.encode().hex())[0])

    def messages(self, box):
        """{uid: (flags, {keywords}, size, crc)}"""
        found = {}
        for line in self("list", box)[1:]:
            uid, flags, keywords, size, crc = line.split(" ")
            found[int(uid)] = (flags.strip("-"),
                               frozenset(k for k in keywords.split(",")
                                         if k != "-"), int(size), crc)
        return found

    def uidvalidity(self, box):
        return int(self("list", box)[0].split()[1])

    def close(self):
        self.process.stdin.close()
        return self.process.wait(timeout=60)

    def kill(self):
        self.process.kill()
        self.process.wait()
