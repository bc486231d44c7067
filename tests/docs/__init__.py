"""The documents are true: their tables are the code's, their commands run, and print what they say."""
