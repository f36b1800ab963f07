"""Answers command lines, each in a forked process that runs xclass.cli.run.main as a fresh one would.

The imports are paid once. One JSON line in: {"words": [...], "cwd": ...}; one out: exit code, out, err.
"""

import json
import os
import sys
import tempfile

import xclass.cli.run


def answer(words, cwd):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                os.chdir(cwd)
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                sys.argv = ["xclass", *words]
                code = run()
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return {"exit_code": os.waitstatus_to_exitcode(status), "out": texts[0], "err": texts[1]}


def run():
    try:
        xclass.cli.run.main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else (0 if stop.code is None else 1)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


for line in sys.stdin:
    request = json.loads(line)
    sys.stdout.write(json.dumps(answer(request["words"], request["cwd"])) + "\n")
    sys.stdout.flush()
