"""The command line: the only code that reads the environment, prints and exits."""
