"""A stand-in for a stack's server. usage: stub_stack.py HOST PORT MOOD; see what each mood does below."""

import os
import signal
import socket
import sys
from pathlib import Path

host, port, mood = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def listen(at: int, *, reuse: bool = True) -> socket.socket:
    listener = socket.socket()
    if reuse:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, at))
    listener.listen()
    return listener


def answer_forever(listener: socket.socket) -> None:
    status = "503 Sick" if mood == "sick" else "200 OK"
    facts = (os.environ.get("STUB", ""), str(Path.cwd()), os.environ["PATH"].split(os.pathsep)[0])
    while True:
        line, _ = listener.accept()
        head = b""
        while not head.endswith(b"\r\n\r\n") and (data := line.recv(65536)):
            head += data
        if not head:
            # Somebody only looked whether this listens.
            line.close()
            continue
        body = "\n".join((head.decode("latin-1").splitlines()[0], *facts)).encode()
        line.sendall(
            b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (status.encode(), len(body)) + body
        )
        line.close()


match mood:
    case "dying":
        print("starting", "ValueError: the colour of PAINT is unknown", "shutting down", sep="\n", flush=True)
        sys.exit(3)
    case "wordless":
        sys.exit(4)
    case "mute":
        signal.pause()
    case "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    case "late once":
        # Somebody else was faster, the first time.
        if not Path("tried").exists():
            Path("tried").touch()
            sys.exit("OSError: [Errno 98] Address already in use")
    case "parent":
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = listen(0)
            Path("child-port.new").write_text(str(child.getsockname()[1]))
            Path("child-port.new").rename("child-port")
            answer_forever(child)
answer_forever(listen(port, reuse=mood != "plain"))
