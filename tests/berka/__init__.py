"""The book of the Berka loans, lived through and compared with a plain count."""
