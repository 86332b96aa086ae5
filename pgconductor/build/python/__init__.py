"""The generated Python package: views that decide everything, for templates that only write it down."""
