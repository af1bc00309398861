"""The two errors that this package raises for a learner to read; both are ValueErrors."""


class ConfigError(ValueError):
    """A setting or argument is wrong; the message says what was expected, what came, what to do."""


class CheckpointError(ValueError):
    """A saved file cannot be used as asked; the message says why, and what still can be used."""


def check_choice(name: str, value: object, choices: object) -> None:
    """Raise ``ConfigError`` unless ``value`` is one of ``choices`` (any iterable of strings)."""
    options = tuple(choices)
    if not isinstance(value, str) or value not in options:
        raise ConfigError(f"{name} must be one of {', '.join(options)}; got {value!r}.")
