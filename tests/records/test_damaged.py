"""Damaged record files: refused by name, or shown as damaged in the report of the others; never a traceback."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xclass.errors import RecordError
from xclass.records.store import read_records, write_json
from xclass.report.write import write_reports

sys.path.insert(0, str(Path(__file__).parent.parent / "report"))
from made_records import *  # noqa: F403
