"""attached.py COMMAND...: runs COMMAND until standard input closes, then ends it.

Whoever starts a server this way keeps the write end of a pipe. When that process ends, for whatever reason, the
pipe closes and the server goes with it. SIGUSR1 kills the command as a crash would. Exits with the command's own
code.
"""

import os
import signal
import subprocess
import sys
import threading

GRACE_SECONDS = 20


def main() -> None:
    # A ctrl-c reaches the whole foreground group: the command ends by itself, and we report its code.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, preexec_fn=_default_interrupt)

    def end(*_: object) -> None:
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()

    def wait_for_end_of_input() -> None:
        while os.read(0, 4096):
            pass
        end()

    signal.signal(signal.SIGUSR1, lambda *_: child.kill())
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=end).start())
    threading.Thread(target=wait_for_end_of_input, daemon=True).start()
    sys.exit(child.wait() & 0xFF)


def _default_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    main()
