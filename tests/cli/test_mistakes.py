"""Every mistake is answered by one line: the key, the value, what is allowed, what to do; exit code 2."""

import pytest

COUNTS = [
    "5.5", "0", "-3", "nan", "inf", "-inf", "abc", "", "1e400", "5e999999999", "5e-999999999", "1", "1e13",
    "-0", "0x10", "5e6e6", "int(5.5)", "int()", "[1,2]", "{a:1}", "'abc'", "5GB", "1..5", "true",
]  # fmt: skip

MISTAKES = [
    # (words, the key it names, what the line must also say)
    (["clases=5"], "clases", "did you mean classes?"),
    (["budget.minute=5"], "budget.minute", "did you mean budget.minutes?"),
    (["method.dense_softmax.lerning_rate=1"], "method.dense_softmax.lerning_rate", "learning_rate?"),
    (["method.foo.bar=1"], "method.foo.bar", "method has dense_softmax, "),
    (["+foo=1"], "foo", "none of this name"),
    (["++foo.bar=1"], "foo.bar", "none of this name"),
    (["schema=x"], "schema", "none of this name"),
    (["data@foo=synthetic"], "data@foo", "did you mean data?"),
    (["dim=abc"], "dim", "a whole number; 64 is the default"),
    (["dim=64.5"], "dim", "a whole number"),
    (["dim=[1]"], "dim", "a whole number"),
    (["dim=null"], "dim", "a whole number"),
    (["dim="], "dim", "a whole number"),
    (["dim=2"], "dim", "4 to 65536"),
    (["threads=x"], "threads", "a whole number or null"),
    (["threads=0"], "threads", "1 to 4096"),
    (["seed=-1"], "seed", "0 to "),
    (["seed=1e99"], "seed", "a whole number"),
    (["keep_models=maybe"], "keep_models", "true or false; true is the default"),
    (["budget.minutes=-1"], "budget.minutes", "0 or more, or null"),
    (["budget.minutes=nan"], "budget.minutes", "0 or more, or null"),
    (["budget.minutes=inf"], "budget.minutes", "0 or more, or null"),
    (["budget.minutes=soon"], "budget.minutes", "a number or null"),
    (["budget.examples=-1"], "budget.examples", "0 or a whole number"),
    (["evaluate.top_k=0"], "evaluate.top_k", "1 to 100"),
    (["evaluate=5"], "evaluate", "its settings one by one; such as evaluate.num_queries=..."),
    (["method=foo"], "method", "its settings one by one"),
    (["method.dense_softmax=foo"], "method.dense_softmax", "its settings one by one"),
    (["methods=[nope]"], "methods", "dense_softmax_autograd, sampled_softmax, nearest_neighbour"),
    (["methods=[]"], "methods", "name at least one"),
    (["methods=dense_softmax"], "methods", "a list in brackets"),
    (["methods=dense_softmax,sampled_softmax"], "methods", "write methods=[dense_softmax,sampled_softmax]"),
    (["methods=[dense_softmax,dense_softmax]"], "methods", "each method once"),
    (["method.dense_softmax.init=foo"], "method.dense_softmax.init", "means, random; means is the default"),
    (["method.dense_softmax.learning_rate=nan"], "method.dense_softmax.learning_rate", "positive"),
    (["index.factory=Foo"], "index.factory", "Flat"),
    (["index.factory=Flat,SQ8"], "index.factory", "Flat"),
    (["method.nearest_neighbour.encoder=foo"], "method.nearest_neighbour.encoder", "projection"),
    (["measure.allocator=x"], "measure.allocator", "pinned, system; pinned is the default"),
    (["measure.sample_seconds=1,2"], "measure.sample_seconds", "add -m"),
    (["data=nope"], "data", "synthetic, lemmas"),
    (["data=lemma"], "data", "did you mean lemmas?"),
    (["data="], "data", "synthetic, lemmas"),
    (["data=null"], "data", "synthetic, lemmas"),
    (["data=synthetic,lemmas"], "data", "add -m"),
    (["data.cache=/tmp"], "data.cache", "add data=lemmas"),
    (["data=lemmas", "data.bayes_accuracy=0.5"], "data.bayes_accuracy", "data=synthetic"),
    (["data=lemmas", "data.cache="], "data.cache", "the path of a folder"),
    (["data=lemmas", "data.cache=/tmp/a=b"], "data.cache", 'data.cache="..."'),
    (["data=lemmas", "data.cache=/tmp/a,b"], "data.cache", 'data.cache="/tmp/a,b"'),
    (["data.bayes_accuracy=2"], "data.bayes_accuracy", "0.05 to 0.999"),
    (["data.examples_per_class=x"], "data.examples_per_class", "a whole number"),
    (["encoder.num_buckets=0"], "encoder.num_buckets", "power of two"),
    (["experiment=nope"], "experiment", "leave it out"),
    (["+experiment=nope"], "experiment", "leave it out"),
    (["classes=1e3,1e4"], "classes", "add -m"),
    (["classes=range(10,30)"], "classes", "add -m"),
    (["-m", "classes=1e3,abc,1e4"], "classes", "it is not a number"),
    (["-m", "classes=1e3,1,1e4"], "classes", "2 to "),
    (["-m", "dim=64,2,32"], "dim", "4 to 65536"),
    (["seed=1", "-m", "dim=64,foo"], "dim", "a whole number"),
    (["-m", "data=synthetic,nope"], "data", "synthetic, lemmas"),
    (["-m", "classes=interval(10,20)"], "classes", "values to sweep over"),
    (["-m", "experiment=glob(nope*)"], "experiment", "it matches nothing"),
    (["foo"], "command line", "key=value"),
    (["dim"], "command line", "key=value"),
    (["=5"], "command line", "key=value"),
    (["~dim"], "command line", "leave a key out to have its default"),
    (["~data"], "command line", "leave a key out to have its default"),
    (["dim=("], "dim", "quotes"),
    (["dim=8 seed=1"], "dim", "one setting per word"),
    (["dim=8\nseed=1"], "dim", "one setting per word"),
    (["dim=${nope}"], "dim", "'nope' not found"),
    (["hydra.foo=1"], "hydra.foo", "a setting of Hydra"),
    (["seed=1", "hydra.run.dir=x", "hydra/launcher=foo"], "hydra/launcher", "leave it out for basic"),
    (["--foo"], "command line", "--help"),
    (["-x", "dim=8"], "command line", "--help"),
    (["--cfg", "nope"], "command line", "--help"),
    (["--cfg", "job", "dim=2"], "dim", "4 to 65536"),
    (["-m", "--cfg", "job"], "command line", "exclude each other"),
    (["--resolve"], "command line", "--cfg"),
    (["--config-name", "foo"], "command line", "--config-dir"),
]  # fmt: skip


def assert_one_line(answer, key):
    assert answer["exit_code"] == 2, answer
    assert answer["out"] == ""
    lines = answer["err"].splitlines()
    assert len(lines) == 1, answer["err"]
    assert lines[0].startswith(f"xclass: {key}=")
    assert ": allowed is " in lines[0]
    remedy = lines[0].partition(": allowed is ")[2].partition("; ")[2]
    assert len(remedy) > 5, lines[0]
    assert "Any" not in lines[0]
    assert answer["left_behind"] == [], "a refused command must leave nothing"
    return lines[0]


@pytest.mark.parametrize("value", COUNTS)
def test_a_bad_number_of_classes(type_words, value):
    line = assert_one_line(type_words(f"+classes={value}"), "classes")
    if value not in ("", "[1,2]", "'abc'", "1e13"):
        assert f"classes={value}: allowed" in line
    assert "try " in line


@pytest.mark.parametrize(
    ("words", "key", "says"), MISTAKES, ids=lambda part: " ".join(part) if isinstance(part, list) else ""
)
def test_a_mistake_is_one_line(type_words, words, key, says):
    assert says in assert_one_line(type_words(*words), key)


def test_a_flag_that_belongs_to_no_sweep_keeps_the_value(type_words):
    assert "dim=abc: allowed" in assert_one_line(type_words("dim=abc"), "dim")


@pytest.mark.parametrize(
    "words", [["classes=5.5"], ["clases=5"], ["dim=2"], ["foo"], ["-m", "classes=1e3,abc"]]
)
def test_the_module_itself_answers_so_too(run_xclass, tmp_path, words):
    done = run_xclass(*words, cwd=tmp_path)
    assert (done.exit_code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_another_allocator_is_refused_by_name(run_xclass, tmp_path):
    done = run_xclass("classes=300", cwd=tmp_path, env={"GLIBC_TUNABLES": "glibc.malloc.arena_max=4"})
    assert done.exit_code == 2
    assert [line.partition("=")[0] for line in done.err.splitlines()] == ["xclass: GLIBC_TUNABLES"]


def test_more_classes_than_the_lemmas_have_are_refused(run_xclass, tmp_path):
    from xclass.data.lemmas.config import LemmasConfig

    if not LemmasConfig().cache_folder().is_dir():
        pytest.skip("the lemmas were never prepared on this machine")
    done = run_xclass("data=lemmas", "classes=9e6", f"hydra.run.dir={tmp_path}/run", cwd=tmp_path)
    assert done.exit_code == 2
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("xclass: classes=9000000: ")
    assert "3,0" in done.err or "30" in done.err, done.err
