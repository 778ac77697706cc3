"""The deployed stack on the local AWS under faults: processes killed, wires cut, messages doubled; all from a seed."""
