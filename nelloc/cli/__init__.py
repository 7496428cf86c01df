"""The command line: parse, call, print. No codec logic, and nothing heavy imported before it is needed."""
