"""The way of what is recorded: past a recorder's socket to the same stack, and straight to it when nobody listens there.

What is not recorded takes the way it always takes. Which requests are, is decided here by group and by the token's
subject; a JSON Web Token is base64, which nginx cannot read, but the subject's own base64 can be looked for in it.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.answers import Lines, block

__all__ = [
    "HUNG_UP",
    "Recording",
    "recording_locations",
    "recording_maps",
    "recording_upstream",
    "subject_patterns",
    "way",
]

# By this header of an answer nginx goes on as if the stack itself had hung up, instead of asking once more.
HUNG_UP = "X-Accel-Redirect: @other"
# What nginx and its quoting take as it is. A socket's path has little room, so a refused one is no loss.
SOCKET = re.compile(r"/[A-Za-z0-9._/-]+")
SUBJECT = re.compile(r"[ !#-\[\]-~]{1,255}")


@dataclass(frozen=True)
class Recording:
    """What goes by the recorder: everything below the stacks' prefixes, or what fits `groups` and `subjects` both.

    `sockets` has the recorder's unix socket for each stack. `mark` is a word only this recording has: while it is on,
    the gateway answers 200 at `/__gateway/recording/<mark>`.
    """

    mark: str
    sockets: Mapping[str, str]
    groups: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-z]{8,64}", self.mark):
            raise ValueError(f"mark = {self.mark!r}: must be 8 to 64 lower-case letters and digits")
        for path in self.sockets.values():
            if not SOCKET.fullmatch(path):
                raise ValueError(f"socket = {path!r}: must be an absolute path of letters, digits and . _ / -")
        for subject in self.subjects:
            if not SUBJECT.fullmatch(subject):
                raise ValueError(f"subject = {subject!r}: must be printable ASCII without quotes and backslashes")

    @property
    def place(self) -> str:
        """Where the gateway says that this recording is on."""
        return f"/__gateway/recording/{self.mark}"


def subject_patterns(subject: str) -> list[str]:
    """Return patterns of the Authorization headers whose JSON Web Token names the subject in its claim `sub`.

    Base64 turns three bytes into four characters, so a piece of JSON looks one of three ways, by where it begins. Its
    neighbours (the `{` or `,` before, the `,` or `}` after) are part of the piece: they make up for the bits that are
    lost at its ends, and another claim that ends in "sub", or a longer id, does not fit.
    """
    return [f"(?:{'|'.join(fragments(text))})" for text in claim_texts(subject)]


def claim_texts(subject: str) -> Iterator[str]:
    """Yield the claim as JSON libraries write it: compact or with blanks, as text and, if it is one, as a number."""
    values = [json.dumps(subject), *([subject] if re.fullmatch(r"0|[1-9][0-9]*", subject) else [])]
    for value in values:
        for after in ",}":
            yield from (f'{before}"sub":{value}{after}' for before in "{,")
            yield from (f'{before}"sub": {value}{after}' for before in "{ ")


def fragments(text: str) -> Iterator[str]:
    """Yield what is fixed of the text's base64url wherever it begins: without the characters that hold other bits too."""
    data = text.encode()
    for offset in range(3):
        encoded = base64.urlsafe_b64encode(bytes(offset) + data).decode()
        first = (offset * 8 + 5) // 6
        yield encoded[first : (offset + len(data)) * 8 // 6]


def recording_maps(recording: Recording, stacks: list[str]) -> Lines:
    """Return the maps of `$way`, the upstream of a request: its stack's own, or the one past the recorder.

    `$other_way` is the same for the stack that is asked where the first is dead.
    """
    conditions, lines = [], ["# What is recorded takes the way by the recorder."]
    if recording.groups:
        conditions.append("$recorded_group")
        lines += block("map $group $recorded_group", 'default "";', *(f"{group} 1;" for group in recording.groups))
    if recording.subjects:
        conditions.append("$recorded_subject")
        patterns = [pattern for subject in recording.subjects for pattern in subject_patterns(subject)]
        entries = (f'"~{pattern}" 1;' for pattern in patterns)
        lines += block("map $http_authorization $recorded_subject", 'default "";', *entries)
    wanted = "1" * len(conditions)
    ways = [f"{wanted}:{stack} {upstream_name(stack)};" for stack in stacks]
    asked = "".join(conditions)
    for stack, name in (("$stack", "$way"), ("$other", "$other_way")):
        lines += block(f"map {asked}:{stack} {name}", f"default {stack};", *ways)
    return lines


def recording_upstream(recording: Recording, stack: str, direct: str, keepalive: Lines) -> Lines:
    """Return the pool past the recorder. Where nobody accepts, the stack itself is asked: nothing was sent yet then.

    No failure is held against the recorder (`max_fails=0`), or ten seconds would be missing after a single one.
    """
    socket = recording.sockets[stack]
    return block(
        f"upstream {upstream_name(stack)}",
        f"server unix:{socket} max_fails=0;",
        f"server {direct} backup;",
        *keepalive,
    )


def recording_locations(recording: Recording) -> Lines:
    return block(f"location = {recording.place}", "access_log off;", """return 200 '{"status":"ok"}';""")


def upstream_name(stack: str) -> str:
    """Return a name that no stack can have."""
    return f"record_{stack}"


def way(recording: Recording | None) -> str:
    """Return the variable that names a request's upstream."""
    return "$way" if recording else "$stack"
