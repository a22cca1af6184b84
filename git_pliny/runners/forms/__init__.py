"""How what coding agents print is read: a module for each form, all of them by `read` of the form's module."""
