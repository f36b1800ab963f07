"""A quick way to type many commands: each in its own process, the imports paid once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FORK_SERVER = Path(__file__).parent / "children" / "fork_server.py"


@pytest.fixture(scope="session")
def type_words(tmp_path_factory):
    """Callable: (*words) -> dict with exit_code, out, err of the command typed in an empty folder."""
    folder = tmp_path_factory.mktemp("typed")
    server = subprocess.Popen(
        [sys.executable, str(FORK_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def type_them(*words):
        server.stdin.write(json.dumps({"words": words, "cwd": str(folder)}) + "\n")
        server.stdin.flush()
        answer = json.loads(server.stdout.readline())
        answer["left_behind"] = sorted(path.name for path in folder.iterdir())
        return answer

    yield type_them
    server.stdin.close()
    server.wait(10)
    server.stdout.close()
