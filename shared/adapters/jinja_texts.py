"""Fills the fields into a template, by Jinja in its sandbox."""

from collections.abc import Mapping
from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from shared.domain.errors import PolicyError

# Texts are plain, on every channel: what stands in a name is a character and no markup.
_SANDBOX = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, cache_size=0)


def fill(template: str, fields: Mapping[str, object]) -> str:
    """The template with its fields written into it; raises PolicyError for one that Jinja refuses, or that asks for a
    field that is not there. A field is never read as a template."""
    try:
        return _compiled(template).render(fields)
    except TemplateError as error:
        raise PolicyError(error.message or type(error).__name__) from error
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # its text may hold a field
        raise PolicyError(f"cannot be filled: {type(error).__name__}") from error


@lru_cache(maxsize=2048)
def _compiled(template: str) -> Template:
    return _SANDBOX.from_string(template)
