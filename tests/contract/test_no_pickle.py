"""Nothing is ever unpickled: what could run code from a file is not imported, not called, or told not to."""

import ast

import pytest
from real_runs import ROOT

NO_PICKLE = "allow_pickle=False"
LOADERS = {
    # end of the call's name -> what it must be given, so that it cannot unpickle; None: not called at all
    "np.load": NO_PICKLE,
    "numpy.load": NO_PICKLE,
    "read_array": NO_PICKLE,
    **dict.fromkeys(("torch.load", "joblib.load", "yaml.load", "yaml.unsafe_load", "yaml.full_load")),
    **dict.fromkeys(("read_pickle", "load_pickle")),
    # torch.distributed sends objects as pickles
    **dict.fromkeys(("broadcast_object_list", "scatter_object_list", "recv_object_list", "send_object_list")),
    **dict.fromkeys(("gather_object", "all_gather_object")),
}
UNPICKLERS = {"pickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}


def unpickling(path, source):
    """What of a file's source could unpickle."""
    wrong = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
        else:
            imported = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        wrong += [f"{path}:{node.lineno} imports {m}" for m in imported if m.split(".")[0] in UNPICKLERS]
        if isinstance(node, ast.Call):
            name, given = ast.unparse(node.func), [ast.unparse(keyword) for keyword in node.keywords]
            for end, needed in LOADERS.items():
                if (name == end or name.endswith(f".{end}")) and (needed is None or needed not in given):
                    wrong.append(f"{path}:{node.lineno} calls {ast.unparse(node)[:80]}")
    return wrong


@pytest.mark.parametrize("part", ["xclass", "scripts", "benchmarks"])
def test_nothing_is_ever_unpickled(part):
    paths = sorted((ROOT / part).rglob("*.py"))
    assert paths
    assert [line for path in paths for line in unpickling(path.relative_to(ROOT), path.read_text())] == []


@pytest.mark.parametrize(
    "line",
    [
        "np.load(path)", "np.load(path, allow_pickle=True)", "torch.load(p, weights_only=True)",
        "import pickle", "from joblib import load", "yaml.load(text, Loader=L)",
        "dist.broadcast_object_list([1])", "numpy.lib.format.read_array(f)",
    ],
)  # fmt: skip
def test_the_search_for_unpickling_finds_it(line):
    assert unpickling("x.py", line)
    assert not unpickling("x.py", "np.load(path, mmap_mode='r', allow_pickle=False)\nyaml.safe_load(text)")
