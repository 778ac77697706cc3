"""The rules of lending: values in, decisions out. Standard library only; no clock, no files, no environment."""
