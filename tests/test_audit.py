"""The audit of packages: a hole fails, silence is told, and what was not asked about does not pass for sound."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_spec = spec_from_file_location("audit", Path(__file__).with_name("audit.py"))
audit = module_from_spec(_spec)
_spec.loader.exec_module(audit)

SOUND = {"name": "numpy", "version": "2.0", "vulns": []}
UNKNOWN = {"name": "own", "skip_reason": "not found on PyPI"}
HOLE = {"name": "pillow", "version": "9.0", "vulns": [{"id": "CVE-1", "fix_versions": ["10.1"]}]}


def told(*packages):
    return audit.verdict(json.dumps({"dependencies": packages, "fixes": []}))


def test_a_hole_fails_and_is_named():
    code, text = told(SOUND, HOLE)
    assert code == 1 and text == "pillow 9.0: CVE-1, mended in 10.1"


def test_what_was_not_checked_is_said():
    assert told(SOUND) == (0, "no known hole in 1 packages")
    assert told(SOUND, UNKNOWN) == (0, "NOT CHECKED: 1 of 2 packages, which the service did not know")
    for report in ("", "Traceback ..."):
        code, text = audit.verdict(report)
        assert code == 0 and text.startswith("NOT CHECKED")
