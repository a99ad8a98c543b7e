"""Where the field of a rendered object was written: the line of a patch, a setting or a value to edit."""
