"""Every error that Duebell raises on purpose.

DuebellError
├── InputError            what a person or another system handed in is wrong; nothing was done
│   ├── EventError        an event that no function of this name understands
│   ├── AmountError       an amount that is no number of the currency's units
│   └── IdentifierError   an id that cannot become part of a key
├── CallerError           nobody, or somebody else, signed what came as a person's order: nothing was done
├── SettingsError         a function's environment lacks a variable, or holds one that means nothing: it does not start
├── PolicyError           a pack is missing, expired or malformed: nothing is sent or debited
│   └── LeafError         one leaf of it is missing, malformed, unknown or looser than it may be
├── CurrencyMismatchError two amounts of different currencies in one sum
├── BookError             the stored rows contradict each other
└── StoreError            a store could not be asked or did not answer
    └── GatewayError      the payment gateway could not be asked (an answer that is missing is no error but UNKNOWN)

A decline, a refusal, a lost race and an unknown outcome are values, not errors.
"""


class DuebellError(Exception):
    """Root of the tree above."""


class InputError(DuebellError):
    """Bad input; the message names the field, the problem and the way out."""


class EventError(InputError):
    """An unknown or malformed event."""


class AmountError(InputError):
    """An amount that is not a decimal number with at most the currency's number of decimals."""


class IdentifierError(InputError):
    """An id outside letters, digits, dot, dash and underscore, or longer than 64 characters."""


class CallerError(DuebellError):
    """Who gives an order could not be proved."""


class SettingsError(DuebellError):
    """A function's environment lacks a variable, or one of them means nothing."""


class PolicyError(DuebellError):
    """A policy pack is missing, not valid on the day, or malformed."""


class LeafError(PolicyError):
    """A leaf is wrong: `leaf` is its path (`PREFIX.*` for a tree without any), `shape` what it should be, where any
    rule reads it, and `tree` the prefix under which leaves may have any name."""

    def __init__(self, leaf: str, message: str, shape: object = None, tree: str = "") -> None:
        super().__init__(message)
        self.leaf = leaf
        self.shape = shape
        self.tree = tree


class CurrencyMismatchError(DuebellError):
    """Amounts of two currencies were added or compared."""


class BookError(DuebellError):
    """Stored rows contradict each other; a person must look."""


class StoreError(DuebellError):
    """A store did not answer."""


class GatewayError(StoreError):
    """The payment gateway could not be asked."""
