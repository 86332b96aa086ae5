"""The pages of the reference, written from the code that they are about: `python -m docs.reference`."""
