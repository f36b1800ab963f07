"""The errors that a user can meet; everything else is a defect of ours.

Each message names the key, the value, what is allowed and what to do, on one line.
"""


class XclassError(Exception):
    """Root of every error that xclass raises on purpose."""


class ConfigError(XclassError):
    """A value from the command line or a YAML file that cannot be used."""

    def __init__(self, key: str, value: object, *, allowed: str, remedy: str) -> None:
        """Compose the one line.

        Args:
            key: dotted key as typed on the command line, e.g. ``budget.minutes``.
            value: what was given.
            allowed: what would have been accepted.
            remedy: what to type instead.
        """
        super().__init__(f"{key}={value}: allowed is {allowed}; {remedy}")
        self.key = key
        self.value = value


def check_range(
    key: str, value: float, low: float, high: float, *, remedy: str, allowed: str | None = None
) -> None:
    """Refuse a setting that is not a number between two others, both included.

    Args:
        key: dotted key as typed on the command line.
        value: what was given.
        low: the least that is allowed.
        high: the most.
        remedy: what to type instead.
        allowed: the range in words; None: ``low to high``.

    Raises:
        ConfigError: it is outside, or no number.
    """
    if not low <= value <= high:
        raise ConfigError(key, value, allowed=allowed or f"{low} to {high}", remedy=remedy)


class DataError(XclassError):
    """A data set that is missing, damaged or too small for what was asked."""


class MeasurementError(XclassError):
    """A meter that cannot be read or whose reading must not be used."""


class CrowdedError(XclassError):
    """What would fit this machine but for other measured children, and was not given the time to wait."""


class RecordError(XclassError):
    """A record file that is damaged or of a schema version this program cannot read."""


class ModelError(XclassError):
    """A saved model folder that is incomplete, damaged or of another format."""


class RanksError(XclassError):
    """Processes that train one head together have lost each other."""


class RankHangsError(RanksError):
    """One of them has waited for another for as long as it may."""
