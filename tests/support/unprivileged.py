"""unprivileged.py DIRECTORY COMMAND...: makes DIRECTORY and becomes COMMAND, as a user that owns nothing else.

Some servers refuse to run as root. For anybody else this only makes the directory.
"""

import os
import pwd
import sys

USER = "nobody"


def main() -> None:
    directory, command = sys.argv[1], sys.argv[2:]
    os.makedirs(directory, mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        user = pwd.getpwnam(USER)
        os.chown(directory, user.pw_uid, user.pw_gid)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    os.chdir(directory)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
