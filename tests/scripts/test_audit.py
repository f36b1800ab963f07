"""What ships, what is only for development, and that an unanswered question is no clean bill."""

import pytest
from real_runs import load_script

pytest.importorskip("packaging")


@pytest.fixture(scope="module")
def script():
    return load_script("audit")


def package(name, *vulns):
    return {"name": name, "version": "1.0", "vulns": list(vulns)}


VULNERABLE = {"id": "PYSEC-2024-1", "aliases": ["CVE-2024-1"], "fix_versions": ["1.1"], "description": "bad"}
SKIPPED = {"name": "a", "skip_reason": "Dependency not found on PyPI and could not be audited: a (1.0)"}


def test_what_is_required_ships_with_what_it_requires_and_development_tools_do_not(script):
    found, core = script.shipped(), script.shipped(extras=())
    assert {"numpy", "torch", "hydra-core", "omegaconf", "markupsafe"} <= set(core) <= set(found)
    assert "starlette" in found
    assert "starlette" not in core
    assert not {"pytest", "ruff", "mypy", "pip-audit", "xclass"} & set(found)
    assert all("+" not in version for version in found.values())


def test_the_bill_says_what_is_required_what_optional_and_what_for_development(script):
    names = ["NumPy", "Starlette", "pytest"]
    document = {"components": [{"name": name} for name in names]}
    script.mark_scopes(document, script.shipped(), script.shipped(extras=()))
    scopes = {component["name"]: component["scope"] for component in document["components"]}
    assert scopes == {"NumPy": "required", "Starlette": "optional", "pytest": "excluded"}


def test_one_that_nobody_could_ask_after_is_not_called_clean(script):
    assert script.judge({"dependencies": [SKIPPED]}) is None
    assert script.judge({"dependencies": []}) is None


def test_a_vulnerability_is_found_with_its_names_and_its_fix(script, monkeypatch):
    document = {"dependencies": [package("b", VULNERABLE), package("c"), SKIPPED]}
    verdict = script.judge(document)
    assert verdict.found == ["b 1.0: PYSEC-2024-1 CVE-2024-1; fixed in 1.1"]
    assert (verdict.num_asked, verdict.num_unknown) == (2, 1)
    monkeypatch.setitem(script.ACCEPTED, "CVE-2024-1", "we never call it; look again in 2027")
    assert script.judge(document).found == []


@pytest.mark.parametrize(("answer", "code", "said"), [
    (None, 0, "audit: nobody to ask here"),
    ("clean", 0, "audit: 0 vulnerabilities known in 1 packages"),
    ("bad", 1, "vulnerable: b 1.0: PYSEC-2024-1 CVE-2024-1; fixed in 1.1"),
])  # fmt: skip
def test_only_a_finding_fails_and_silence_is_said(script, answer, code, said, monkeypatch, tmp_path, capsys):
    answers = {"clean": [package("b")], "bad": [package("b", VULNERABLE)]}
    monkeypatch.setattr(
        script, "ask", lambda packages: answer and script.judge({"dependencies": answers[answer]})
    )
    monkeypatch.setattr(script, "bill_of_materials", lambda: {"components": []})
    monkeypatch.setattr(script, "SBOM", tmp_path / "dist" / "sbom.cdx.json")
    assert script.main() == code
    assert said in capsys.readouterr().out
