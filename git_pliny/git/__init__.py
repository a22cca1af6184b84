"""The only code that runs git or writes its objects."""
